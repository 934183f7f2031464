import time

from tests.support.processes import free_port

NAMES = ["python", "packages", "vllm", "gpus", "ray", "memory", "shm", "storage", "tmp", "hub"]


def test_the_doctor_says_a_line_about_each_thing(mmkd, monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", "/tmp")
    started = time.monotonic()
    status, output = mmkd("doctor", "configs/quickstart.yaml", f"storage.path={tmp_path}")
    assert status == 0, output
    assert [line.split()[1] for line in output.splitlines()] == NAMES
    assert {line.split()[0] for line in output.splitlines()} <= {"ok", "warn"}
    assert time.monotonic() - started < 10


def test_a_run_that_is_impossible_is_status_2(mmkd, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{free_port()}")
    status, output = mmkd("doctor")
    assert status == 2
    assert [line.split()[1] for line in output.splitlines() if line.startswith("fail")] == ["ray"]


def test_a_mistake_in_its_configuration_is_one_line(mmkd):
    status, output = mmkd("doctor", "configs/quickstart.yaml", "train.alhpa=3")
    assert (status, len(output.splitlines())) == (2, 1)
    assert "did you mean 'train.alpha'?" in output
