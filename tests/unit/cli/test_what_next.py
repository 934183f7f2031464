"""What is advised after a run fits it, and every file and command that is named is there."""

import shlex

import pytest

from mmkd_ray.cli.what_next import what_next
from mmkd_ray.config import load


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch, repository):
    monkeypatch.chdir(repository)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


def advised(config_file, *overrides):
    """The advice, by what it is about."""
    lines = what_next(config_file, overrides, load(config_file, overrides)).splitlines()
    return {line[:17].strip(): line[17:].strip() for line in lines if line.startswith("  ")}


def arguments_of(command):
    """Configuration and overrides of an advised command, with something in place of what is to be filled in."""
    words = shlex.split(command.partition("   ")[0].replace("NUMBER", "9"))
    start = words.index("jobs/run.py") if "jobs/run.py" in words else words.index("run")
    return words[start + 1 :]


OWN = ("data.path=my pictures", "name=mine")


def test_after_the_quickstart_own_images_are_advised():
    found = advised("configs/quickstart.yaml")
    assert found["own images"].startswith(
        "mmkd run configs/own_images.yaml data.path=FOLDER aspects.path=QUESTIONS.yaml"
    )
    assert found["a cluster"] == "ray job submit --working-dir . -- python jobs/run.py configs/quickstart.yaml"


def test_after_own_images_they_are_not_and_the_advice_is_about_them():
    found = advised("configs/own_images.yaml", *OWN)
    assert "own images" not in found
    assert found["best questions"].startswith("mmkd run configs/own_images.yaml 'data.path=my pictures' name=mine ")
    assert "name=mine-chosen aspects.select=mrmr" in found["best questions"]
    assert found["a large MLLM"].endswith("name=mine configs/teachers/internvl3.yaml extract.gpus_per_actor=1")


@pytest.mark.parametrize("overrides", [(), ("train.alpha=2",)])
@pytest.mark.parametrize(("name", "count"), [("quickstart", 4), ("own_images", 3)])
def test_every_command_that_is_advised_can_be_read(name, count, overrides):
    found = advised(f"configs/{name}.yaml", *overrides)
    assert len(found) == count
    for command in found.values():
        config, *values = arguments_of(command)
        load(config, values)


def test_from_another_folder_files_are_named_in_full_and_no_job_is_advised(repository, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = advised(str(repository / "configs/quickstart.yaml"))
    assert set(found) == {"own images", "best questions", "a large MLLM"}
    for command in found.values():
        config, *values = arguments_of(command)
        load(config, values)


def test_what_was_done_is_not_advised_again():
    done = ("aspects.select=mrmr", "extract.gpus_per_actor=1", "cluster.address=127.0.0.1:6379")
    assert what_next("configs/own_images.yaml", done, load("configs/own_images.yaml", done)) == ""
