"""Two drivers on one run: the second is refused while the first lives, and not a moment longer."""

import pytest

from mmkd_ray.artifacts import open_run
from mmkd_ray.config import to_yaml
from tests.support.processes import marked, run_mmkd, started, wait_for
from tests.support.search_run import make

pytestmark = pytest.mark.cluster


@pytest.fixture
def config(tmp_path):
    """A small run that has its answers: the file of its configuration."""
    made = make(tmp_path, open_run(str(tmp_path / "runs"), "test"), study={"arms": ["makd"], "seeds": [0]})
    (tmp_path / "config.yaml").write_text(to_yaml(made))
    return tmp_path / "config.yaml"


def test_a_second_driver_is_refused_until_the_first_is_killed(config, tmp_path):
    run = tmp_path / "runs" / "test"
    output = tmp_path / "first.txt"
    with marked() as processes, marked() as others:
        with started(processes, "train", str(config), "train.epochs=100000", cwd=tmp_path, output=output) as driver:
            wait_for(lambda: list(run.glob("study/lanes/*/checkpoint_*")), driver, output)
            refused = run_mmkd(others, "train", str(config), "train.alpha=2", cwd=tmp_path)
            looked = run_mmkd(others, "study", str(config), "--dry-run", cwd=tmp_path)
            assert driver.poll() is None
            driver.kill()
            driver.wait()
            # Its raylet and its workers may live for some seconds yet.
            again = run_mmkd(others, "train", str(config), cwd=tmp_path)
        assert processes.wait_until_gone() == []
    (line,) = [line for line in refused.stdout.splitlines() if line.startswith("mmkd: error:")]
    assert f"{run} is being written by " in line
    assert f"(process {driver.pid}: train) since " in line
    assert refused.returncode == 2
    assert looked.returncode == 0, looked.stdout + looked.stderr
    assert again.returncode == 0, again.stdout + again.stderr
    (student,) = run.glob("study/makd-seed0-*/record.json")
    assert student
