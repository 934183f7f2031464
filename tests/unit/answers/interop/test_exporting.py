import json

import numpy as np
import pytest

from mmkd_ray.answers.interop.exporting import export_teacher, open_finished_run
from mmkd_ray.answers.interop.importing import EPSILON, import_teacher
from mmkd_ray.answers.table import read_teacher_table
from mmkd_ray.errors import ArtifactError, DataError
from tests.support.imported_answers import FLOWERS, QUESTIONS, config_for, needs_flowers, write_file, write_images

TRAIN = [f"train/{'ab'[row % 2]}/{row}.jpg" for row in range(200)]
VAL = ["val/a/x.jpg", "val/b/y.jpg"]


@pytest.fixture
def finished(tmp_path, run):
    """A run with answers from certain no to certain yes; gives its configuration."""
    config = config_for(tmp_path)
    write_images(config, run, train=TRAIN, val=VAL, test=["test/a/z.jpg"])
    p_yes_NQ = np.random.default_rng(0).uniform(size=(202, 2)).round(3)
    p_yes_NQ[:2] = [[0, 1], [1e-7, 1 - 1e-7]]
    import_teacher(config, run, write_file(tmp_path, dict(zip([*TRAIN, *VAL], p_yes_NQ.tolist(), strict=True))))
    return config


def test_an_exported_file_can_be_imported(tmp_path, run, finished):
    before = read_teacher_table(run, QUESTIONS)
    written = export_teacher(run, str(tmp_path / "out" / "exported.json"))
    assert list(written) == [*TRAIN, *VAL]
    import_teacher(finished, run, str(tmp_path / "out" / "exported.json"))
    after = read_teacher_table(run, QUESTIONS)
    assert after.image_ids == before.image_ids
    np.testing.assert_allclose(after.p_yes_NQ, before.p_yes_NQ, rtol=0, atol=EPSILON)


def test_the_file_has_the_authors_format_and_can_have_only_training_images(tmp_path, run, finished):
    written = export_teacher(run, str(tmp_path / "train.json"), splits=["train"])
    text = (tmp_path / "train.json").read_text()
    assert json.loads(text) == written
    assert list(written) == TRAIN
    assert text.startswith('{\n    "train/a/0.jpg": [\n        ')
    assert all(0 <= value <= 1 for values in written.values() for value in values)


def test_a_finished_run_is_opened_by_its_folder(tmp_path, run, finished, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert open_finished_run("runs/test/") == open_finished_run(run.folder.uri) == run
    assert open_finished_run("s3://bucket/runs/test").teacher.uri == "s3://bucket/runs/test/teacher"
    with pytest.raises(ArtifactError, match=r"runs/other/teacher is not finished: run `mmkd"):
        export_teacher(open_finished_run("runs/other"), "x.json")


def test_a_file_that_cannot_be_written_is_an_error(tmp_path, run, finished):
    with pytest.raises(DataError, match="no answers about images of test: the teacher is asked about train and val"):
        export_teacher(run, str(tmp_path / "x.json"), splits=["test"])
    (tmp_path / "x.json").mkdir()
    with pytest.raises(ArtifactError, match=r"x.json: cannot be written"):
        export_teacher(run, str(tmp_path / "x.json"))


@needs_flowers
def test_the_real_file_is_reproduced(tmp_path, run):
    published = json.loads((FLOWERS / "p_yes.json").read_text())
    config = config_for(tmp_path, [f"Does the flower have feature {number}?" for number in range(50)])
    write_images(config, run, train=list(published))
    import_teacher(config, run, str(FLOWERS / "p_yes.json"))
    written = export_teacher(run, str(tmp_path / "p_yes.json"))
    assert list(written) == list(published)
    np.testing.assert_allclose(list(written.values()), list(published.values()), rtol=0, atol=1e-6)
