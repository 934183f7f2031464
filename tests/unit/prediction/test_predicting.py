import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import mmkd_ray as mm
from mmkd_ray.errors import ArtifactError, ConfigError, DataError
from mmkd_ray.prediction import here
from mmkd_ray.prediction.finding import find_images
from mmkd_ray.prediction.output import check_output, writing
from mmkd_ray.prediction.predicting import PredictionJob
from mmkd_ray.students.bundle import load_bundle
from tests.support.toy_bundle import CLASSES, QUESTIONS, save_pictures, untrained_bundle

BLOCKED = """
import sys

for name in ("vllm", "onnx", "onnxruntime", "onnxscript", "pyautoattack"):
    sys.modules[name] = None  # to import it is an error
from mmkd_ray import cli

status = cli.main(["predict", *sys.argv[1:]])
parts = ("answers", "aspects", "extract", "propose", "study", "train", "tune")
loaded = {name for name in sys.modules if name.startswith(tuple(f"mmkd_ray.{part}" for part in parts))}
assert not loaded, loaded
assert "ray" not in sys.modules
sys.exit(status)
"""


@pytest.fixture
def made(tmp_path):
    """A student, and seven pictures with a broken one among them."""
    paths = save_pictures(tmp_path / "pictures", 7)
    (tmp_path / "pictures" / "0003.png").write_bytes(b"no picture")
    return untrained_bundle(tmp_path / "student"), paths


def test_rows_are_what_the_bundle_says_in_order_and_broken_ones_say_why(made, monkeypatch):
    place, paths = made
    monkeypatch.setattr(here, "BATCH", 2)  # several batches, by several threads
    rows = mm.predict(place, paths)
    assert rows["image"].to_pylist() == paths
    good = [path for path in paths if not path.endswith("0003.png")]
    expected = load_bundle(place).predict(good)
    kept = rows.filter(rows["error"].is_null())
    assert kept["class"].to_pylist() == expected.classes
    np.testing.assert_allclose(kept["probabilities"].to_pylist(), expected.class_probabilities_NC, rtol=1e-4)
    np.testing.assert_allclose(kept["aspects"].to_pylist(), expected.p_yes_NQ, rtol=1e-4)
    np.testing.assert_allclose(kept["confidence"].to_pylist(), expected.class_probabilities_NC.max(axis=1), rtol=1e-4)
    broken = rows.slice(3, 1).to_pylist()[0]
    assert broken["error"].startswith("not a readable image: text, beginning with 'no picture'")
    assert (broken["class"], broken["probabilities"], broken["confidence"]) == (None, None, None)
    assert json.loads(rows.schema.metadata[b"class_names"]) == list(CLASSES)
    assert json.loads(rows.schema.metadata[b"questions"]) == list(QUESTIONS)


def test_in_python_what_is_no_path_is_refused(made):
    place, paths = made
    for student, images, kind in ((load_bundle(place), paths, "Bundle"), (place, [paths[0], b"x"], "bytes")):
        with pytest.raises(DataError, match=rf"^got {kind}; accepted are paths and URIs; pictures in memory"):
            mm.predict(student, images)


def test_in_python_one_word_is_enough_and_rows_can_explain(made, tmp_path):
    place, _ = made
    rows = mm.predict(place, tmp_path / "pictures", explain=True).to_pylist()
    assert [row["explanation"] is None for row in rows] == [row["error"] is not None for row in rows]
    first = rows[0]["explanation"]
    assert {first["runner_up"], rows[0]["class"]} < set(CLASSES)
    questions = [one["question"] for one in (*first["speaks_for"], *first["speaks_against"])]
    assert sorted(questions) == sorted(QUESTIONS)


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_all_rows_are_written(made, tmp_path, ending):
    place, paths = made
    job, file = PredictionJob.by(place, explains=True), str(tmp_path / "out" / f"rows.{ending}")
    tables = list(job.of(find_images(paths), lambda _: None))
    with writing(file, job.columns, job.card) as write:
        for table in tables:
            write(table)
    whole = [row for table in tables for row in table.to_pylist()]
    if ending == "parquet":
        read = pq.read_table(file)
        assert read.to_pylist() == whole
        assert json.loads(read.schema.metadata[b"questions"]) == list(QUESTIONS)
        return
    lines = [json.loads(line) for line in Path(file).read_text(encoding="utf-8").splitlines()]
    assert list(lines[3]) == ["image", "error"]
    assert lines[0]["aspects"] == pytest.approx(dict(zip(QUESTIONS, whole[0]["aspects"], strict=True)), rel=1e-5)
    assert lines[0]["probabilities"][whole[0]["class"]] == pytest.approx(whole[0]["confidence"], rel=1e-5)
    reasons = [*lines[0]["explanation"]["speaks_for"], *lines[0]["explanation"]["speaks_against"]]
    assert all(len(f"{one['log_odds']:g}") >= len(str(one["log_odds"])) for one in reasons)
    assert lines[0]["explanation"]["runner_up"] == whole[0]["explanation"]["runner_up"]


def test_a_file_that_is_not_finished_leaves_nothing_and_replaces_nothing(made, tmp_path):
    job, file = PredictionJob.by(made[0]), tmp_path / "rows.jsonl"
    file.write_text("earlier")

    def fail():
        with writing(str(file), job.columns, job.card) as write:
            write(next(iter(job.of(find_images(made[1]), lambda _: None))))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert file.read_text() == "earlier"
    assert not list(tmp_path.glob(".*"))


def test_a_place_or_a_format_that_cannot_be_written_is_one_line(made, tmp_path):
    job = PredictionJob.by(made[0])
    with pytest.raises(ConfigError, match=r"--output: got 'x.csv'; accepted: .* \.jsonl or \.parquet"):
        check_output("x.csv")
    (tmp_path / "file").touch()
    with (
        pytest.raises(ArtifactError, match=r"--output: '.*' cannot be written: .*; give another place"),
        writing(str(tmp_path / "file" / "rows.jsonl"), job.columns, job.card),
    ):
        pass


def test_a_run_is_refused_by_the_names_of_its_students(tmp_path):
    untrained_bundle(tmp_path / "runs" / "birds" / "study" / "makd-seed0-abc")
    with pytest.raises(ArtifactError, match=r"is a run; give one of its students: .*/birds/study/makd-seed0-abc$"):
        PredictionJob.by(str(tmp_path / "runs" / "birds"))


def test_neither_vllm_nor_ray_nor_a_run_nor_an_extra_is_needed(made):
    """In a process in which these cannot be imported; of this package, no part that makes a student either."""
    place, paths = made
    ended = subprocess.run(
        [sys.executable, "-c", BLOCKED, place, *paths, "--explain"], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert "0003.png: not a readable image" in ended.stdout
