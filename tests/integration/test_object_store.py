"""Images and runs in an object store, with a real S3 server that answers nothing for some seconds on the way."""

import json
import subprocess
import sys

import pytest
import yaml

from tests.support.pictures import picture
from tests.support.s3_server import BUCKET, s3_server

OUTAGE_S = 4.0


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with s3_server(tmp_path_factory.mktemp("s3") / "server.log") as server:
        yield server


@pytest.fixture(scope="module")
def config(server, tmp_path_factory):
    """Thirty pictures in the bucket, and a configuration whose data and runs are there."""
    for name in "ab":
        for number in range(15):
            with server.filesystem.open_output_stream(f"{BUCKET}/pictures/{name}/{number}.png") as stream:
                stream.write(picture(number + 100 * (name == "b")))
    place = tmp_path_factory.mktemp("config") / "small.yaml"
    place.write_text(
        yaml.safe_dump(
            {
                "name": "small",
                # So every stage takes the pictures from the bucket.
                "data": {"source": "folder", "path": f"s3://{BUCKET}/pictures", "store": "path"},
                "aspects": {"source": "fieldguide"},
                "teacher": {"kind": "no_inference"},
                "student": {"model": "resnet18", "model_args": {"layers": [1, 1, 1, 1], "channels": [8, 8, 8, 8]},
                            "image_size": 32},
                "train": {"epochs": 2, "batch_size": 8},
                "study": {"arms": ["ce", "makd"], "seeds": [0]},
                "storage": {"path": f"s3://{BUCKET}/runs"},
            }
        )
    )  # fmt: skip
    return place


def mmkd(server, *arguments):
    command = [sys.executable, "-m", "mmkd_ray", *map(str, arguments)]
    done = subprocess.run(command, env=server.environment, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_whole_run_lives_in_an_object_store_that_is_away_for_some_seconds(server, config):
    command = [sys.executable, "-m", "mmkd_ray", "run", str(config)]
    with subprocess.Popen(command, env=server.environment, stdout=subprocess.PIPE, text=True) as running:
        said = []
        for line in running.stdout:
            said.append(line)
            if line.startswith(("images", "extract", "train")) and " 0 %" not in line and len(line.split()) > 6:
                server.interrupt(OUTAGE_S)
        assert running.wait() == 0, "".join(said)
    with server.filesystem.open_input_stream(f"{BUCKET}/runs/small/summary.json") as stream:
        summary = json.loads(stream.read())
    assert summary["arms"].keys() == {"ce", "makd"}
    assert summary["ledger"]["missing"] == 0
    again = mmkd(server, "run", config)
    assert "already done: reused" in again
    assert "\ncluster " not in again
    assert "ok" in mmkd(server, "verify", config)


def test_the_secret_is_nowhere_in_the_bucket(server):
    from pyarrow import fs

    files = server.filesystem.get_file_info(fs.FileSelector(f"{BUCKET}/runs", recursive=True))
    for file in files:
        if file.type == fs.FileType.File:
            with server.filesystem.open_input_stream(file.path) as stream:
                assert b"a-secret" not in stream.read(), file.path
