import shutil
from pathlib import Path

import pytest

from mmkd_ray import cli
from mmkd_ray.artifacts import open_run
from mmkd_ray.errors import ArtifactError, MmkdError
from mmkd_ray.integrity import examine
from tests.support.damage import KINDS, damage, flipped_bits
from tests.support.whole_run import config_for, do_all

OF_THE_RUN = (
    "test/images.json", "test/answers.json", "test/evaluation.json", "test/results.parquet", "test/students.parquet",
    "test/summary.json", "test/teacher/record.json", "test/teacher/questions.json", "test/teacher/quarantine.parquet",
    "test/teacher/table/part-00000.parquet", "shared/images/*/record.json", "shared/images/*/quarantine.parquet",
    "shared/images/*/duplicates.parquet", "shared/images/*/table/train/part-00000.parquet",
    "shared/images/*/parts/train/part-00000.parquet", "shared/answers/*/part-*.parquet", "shared/answers/*/asked.json",
    "test/study/makd-*/record.json", "test/study/makd-*/student.json", "test/study/makd-*/student.safetensors",
    "test/study/makd-*/history.json", "test/study/makd-*/predictions/*/predictions.parquet",
    "test/study/makd-*/predictions/*/record.json",
)  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A whole run: its configuration, its storage path, and a copy of that."""
    root = tmp_path_factory.mktemp("whole")
    config = config_for(root)
    do_all(config, open_run(str(root / "runs"), "test"))
    shutil.copytree(root / "runs", root / "copy")
    return config, root / "runs", root / "copy"


@pytest.fixture
def storage(made):
    _, runs, copy = made
    shutil.rmtree(runs)
    shutil.copytree(copy, runs)
    return runs


def look(storage):
    return list(examine(open_run(str(storage), "test")))


def test_a_whole_run_is_found_whole(storage, capsys):
    found = look(storage)
    assert problems(storage) == []
    names = [one.name.partition(" ")[0] for one in found]
    assert names == [
        "references", "images", "answers", "teacher", "student", "predictions", "student", "predictions", "evaluation",
        "summary",
    ]  # fmt: skip
    assert cli.main(["verify", f"{storage}/test"]) == 0
    out = capsys.readouterr().out
    assert "ok        images: 20 images, each with the bytes that it had\n" in out
    assert "cells expected" in out
    assert out.endswith("10 of 10 artifacts are as they were written\n")


def test_where_there_is_no_run(tmp_path):
    (tmp_path / "typo" / "logs").mkdir(parents=True)  # of a command that was refused
    with pytest.raises(ArtifactError, match="holds no run"):
        list(examine(open_run(str(tmp_path), "typo")))


@pytest.mark.parametrize(("number", "pattern"), enumerate(OF_THE_RUN))
def test_every_damaged_file_is_found_and_mended_or_named(made, storage, number, pattern):
    """Whatever is damaged: `verify` finds it, and a run mends it, or says in one line which file it is."""
    config, *_ = made
    (path,) = storage.glob(pattern)
    content = path.read_bytes()
    # `verify` with each kind; the run, which takes longer, with another one from file to file.
    for kind in sorted(KINDS, key=lambda kind: kind == KINDS[number % len(KINDS)]):
        path.write_bytes(content)
        damage(path, kind)
        bad = problems(storage)
        # What is gone may be what was never made.
        assert kind == "gone" or any(path.name in text or "not finished" in text for text in bad), (kind, bad)
    refusal = do_again(config, storage)
    if refusal:
        assert path.name in refusal or f"{path.parent}/" in refusal
        assert len(refusal.splitlines()) == 1
    else:  # a bundle, say, whose predictions are there already, is read by no stage
        assert all(path.name in text for text in problems(storage)), kind


def problems(storage):
    return [one.text for one in look(storage) if not one.is_whole]


def do_again(config, storage):
    """What the stages say, where they refuse."""
    try:
        do_all(config, open_run(str(storage), "test"))
    except MmkdError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("pattern", OF_THE_RUN)
def test_flipped_bits_are_found(storage, pattern):
    """All but those that only change what nobody reads."""
    (path,) = storage.glob(pattern)
    seen = 0
    with flipped_bits(path, 5) as bits:
        for _ in bits:
            seen += bool(problems(storage))
    assert seen >= 3


def test_the_command_says_what_is_damaged_and_exits_with_2(storage, capsys):
    (path,) = storage.glob("test/study/makd-*/student.safetensors")
    damage(path, "half")
    assert cli.main(["verify", f"{storage}/test"]) == 2
    out = capsys.readouterr().out
    assert "not ok    student makd-seed0-" in out
    assert f"{path} is damaged" in out
    assert "run `mmkd train CONFIG`" in out
    assert Path(path).exists(), "nothing is changed"
