"""`mmkd serve` where nothing is started."""

import socket

from tests.support.toy_bundle import untrained_bundle


def test_a_taken_port_is_told_before_a_cluster_is_started(mmkd, tmp_path):
    place = untrained_bundle(tmp_path / "student")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        status, output = mmkd("serve", place, f"serve.port={port}")
    assert status == 2
    assert "cluster" not in output
    assert output.splitlines()[-1] == (
        f"mmkd: error: nothing can be served at 127.0.0.1:{port}: another process listens there; set serve.port or "
        "serve.host"
    )
