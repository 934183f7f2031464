"""What the tests of kills share: one small run that nothing interrupts, and copies of it."""

import subprocess

import pytest

from tests.processes import marked, run_mmkd

IMAGES, QUESTIONS, BATCH = 24 * 10, 52, 8
_SMALL = (
    "data.train_per_class=8", "data.val_per_class=2", "data.test_per_class=4", "data.shift_per_class=1",
    f"extract.batch_size={BATCH}", "extract.actors=1", "train.epochs=60", "train.batch_size=48",
    "study.arms=[ce, makd]", "study.seeds=[0]",
)  # fmt: skip


def command(stage, storage, *overrides):
    """Arguments of `mmkd` for the run `r` of the quickstart, made small."""
    return (stage, "configs/quickstart.yaml", f"storage.path={storage}", "name=r", *_SMALL, *overrides)


def copy(storage, there, *artifacts):
    """Copy folders of a run, times and all."""
    (there / "r").mkdir(parents=True, exist_ok=True)
    for artifact in artifacts:
        subprocess.run(["cp", "-rp", f"{storage}/r/{artifact}", f"{there}/r/{artifact}"], check=True)


@pytest.fixture(scope="session")
def unbroken_run(repository, tmp_path_factory):
    """A whole run: its storage, how it ended, and what it left running."""
    storage = tmp_path_factory.mktemp("unbroken")
    with marked() as processes:
        ended = run_mmkd(processes, *command("run", storage), cwd=repository)
        left = processes.wait_until_gone()
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return storage, ended, left
