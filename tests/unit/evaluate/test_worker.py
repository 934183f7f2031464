import shutil

import numpy as np
import pytest
import torch

from mmkd_ray import schema
from mmkd_ray.artifacts import Folder
from mmkd_ray.config import with_values
from mmkd_ray.data.table import read_splits, require_images
from mmkd_ray.errors import ArtifactError
from mmkd_ray.evaluate import worker
from mmkd_ray.evaluate.further import MCE
from mmkd_ray.evaluate.pieces import PREDICTIONS, in_shares, needs_predictions, pieces_of, study_pieces
from mmkd_ray.evaluate.probes import CLEAN, PROBES
from mmkd_ray.evaluate.stage import evaluate_study
from mmkd_ray.evaluate.worker import predict_pieces
from mmkd_ray.students.bundle import load_bundle
from mmkd_ray.students.model import evaluation_fit
from mmkd_ray.tasks.classify import TOP1
from tests.support.bundles import write_students
from tests.support.search_run import STUDENT, make
from tests.support.tables import replace_images

CPU = torch.device("cpu")


@pytest.fixture
def study(tmp_path, run):
    """A study of two arms and one seed, trained for an epoch; its configuration and run."""
    torch.set_num_threads(1)
    config = make(tmp_path, run, readable=True, study={"arms": ["ce", "makd"], "seeds": [0]})
    write_students(config, run)
    return config, run


def predict(config, run):
    for piece in study_pieces(config, run):
        if not piece.is_done(run):
            predict_pieces([piece], run, CPU)


def test_every_image_but_the_training_images_is_predicted_once(study):
    config, run = study
    assert needs_predictions(config, run)
    predict(config, run)
    assert not needs_predictions(config, run)
    for piece in study_pieces(config, run):
        table = piece.folder(run).read_table(PREDICTIONS)
        assert set(table["split"].to_pylist()) == {"val", "test"}
        assert len(set(table["image_id"].to_pylist())) == table.num_rows == 3 * (8 + 4)
        record = piece.folder(run).record()
        assert (record["probe"], record["severity"], record["images"]) == ("clean", 0, 36)


@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_a_bundle_sees_wide_pictures_as_they_were_measured(tmp_path, run, fit):
    torch.set_num_threads(1)
    more = {
        "data": {"source": "folder", "path": "/nowhere", "fit": fit},
        "student": {**STUDENT, "crop_pct": 0.8},
        "train": {"epochs": 1, "batch_size": 12, "views": "torchvision", "cutmix": 1.0},
        "study": {"arms": ["makd"], "seeds": [0]},
    }
    config = make(tmp_path, run, readable=True, shape=(29, 16), **more)
    write_students(config, run)
    predict(config, run)
    (piece,) = study_pieces(config, run)
    stored = piece.folder(run).read_table(PREDICTIONS)
    images = {row["image_id"]: row["image"] for row in read_splits(run).to_pylist()}
    bundle = load_bundle(piece.spec.folder(run))
    assert bundle.card.picture_fit == evaluation_fit(config)
    said = bundle.predict([images[image_id] for image_id in stored["image_id"].to_pylist()])
    np.testing.assert_array_equal(said.class_logits_NC, schema.matrix(stored["class_logits"]))


def test_a_bundle_copied_elsewhere_predicts_what_is_stored_to_the_bit(study, tmp_path):
    config, run = study
    predict(config, run)
    piece = study_pieces(config, run)[1]
    shutil.copytree(piece.spec.folder(run).path, tmp_path / "copied")
    stored = piece.folder(run).read_table(PREDICTIONS)
    images = {row["image_id"]: row["image"] for row in read_splits(run).to_pylist()}
    shutil.rmtree(run.folder.path)
    said = load_bundle(str(tmp_path / "copied")).predict(
        [images[image_id] for image_id in stored["image_id"].to_pylist()]
    )
    np.testing.assert_array_equal(said.class_logits_NC, np.stack(stored["class_logits"].to_numpy()))
    np.testing.assert_array_equal(said.aspect_logits_NQ, np.stack(stored["aspect_logits"].to_numpy()))
    assert said.class_names == ("blue", "green", "red")
    assert len(said.questions) == 4


def test_what_is_done_stays_and_what_is_lacking_is_made(study):
    """A new question about a student needs no new training, and an interrupted evaluation only what it lacks."""
    config, run = study
    predict(config, run)
    first, second = study_pieces(config, run)
    trained = first.spec.folder(run).record()
    second.folder(run).delete()
    assert needs_predictions(config, run)
    with pytest.raises(ArtifactError, match=r"no predictions yet of makd seed 0, clean 0: run `mmkd evaluate CONFIG`"):
        evaluate_study(config, run)
    predict(config, run)
    evaluate_study(config, run)
    assert first.spec.folder(run).record() == trained


def test_predictions_are_of_a_student_a_probe_a_severity_and_an_image_table(study):
    config, run = study
    spec = study_pieces(config, run)[0].spec
    images = require_images(config, run)
    (piece,) = pieces_of(spec, images)
    (of_other_images,) = pieces_of(spec, {**images, "digest": "other"})
    assert piece.folder(run) != of_other_images.folder(run)
    assert piece.folder(run).uri.startswith(f"{spec.folder(run).uri}/predictions/clean-0-")


def test_a_damaged_bundle_is_named(study):
    config, run = study
    piece = study_pieces(config, run)[0]
    Folder(piece.spec.folder(run).uri).write_bytes("student.safetensors", b"half of it")
    with pytest.raises(ArtifactError, match=r"ce-seed0-\w+/student.safetensors cannot be used"):
        predict_pieces([piece], run, CPU)
    assert not piece.is_done(run)


def test_images_of_another_identity_are_not_looked_at(study):
    config, run = study
    piece = study_pieces(config, run)[0]
    replace_images(run)
    with pytest.raises(ArtifactError, match=r"the images of .* were replaced while they were in use"):
        predict_pieces([piece], run, CPU)
    assert not piece.is_done(run)


def test_predictions_of_images_that_were_replaced_meanwhile_are_not_recorded(study, monkeypatch):
    config, run = study
    piece = study_pieces(config, run)[0]

    class Disturbed:
        @staticmethod
        def seen(*arguments):
            replace_images(run)
            return CLEAN.seen(*arguments)

    monkeypatch.setitem(PROBES, CLEAN.name, Disturbed)
    with pytest.raises(ArtifactError, match="were replaced while they were in use"):
        predict_pieces([piece], run, CPU)
    assert not piece.is_done(run)


def test_a_process_keeps_the_images_that_it_has_read_last_alone(study, monkeypatch):
    config, run = study
    predict(config, run)
    for piece in study_pieces(config, run):
        piece.folder(run).delete()
    monkeypatch.setattr(worker, "load_pixels", None)
    predict(config, run)  # the two students see the same images
    assert len(worker._held) == 1


def test_students_look_at_the_same_corrupted_images_and_what_is_lacking_is_made_alike(study):
    config, run = study
    config = with_values(config, {"evaluate.probes": "corruptions"}, where="test")
    predict(config, run)  # each alone
    pieces = [piece for piece in study_pieces(config, run) if piece.probe == "gaussian_noise"]
    assert [piece.severity for piece in pieces] == [1, 2, 3, 4, 5] * 2
    before = [piece.folder(run).read_table(PREDICTIONS) for piece in pieces]
    for table in before:
        assert set(table["split"].to_pylist()) == {"test"}
    pieces[0].folder(run).delete()
    pieces[5].folder(run).delete()
    (share,) = in_shares([piece for piece in study_pieces(config, run) if not piece.is_done(run)])
    assert share == [pieces[0], pieces[5]]
    predict_pieces(share, run, CPU)
    assert [piece.folder(run).read_table(PREDICTIONS) for piece in pieces] == before
    evaluation = evaluate_study(config, run)
    assert evaluation.arms["ce"].measure(MCE, probe="corruptions").values == (1.0,)
    assert evaluation.arms["makd"].measure(MCE, probe="corruptions").difference is not None
    fog = evaluation.arms["makd"].measure(TOP1, probe="fog", severity=3.0)
    assert 0 <= fog.mean <= 1


def test_more_probes_leave_the_students_and_their_clean_predictions_as_they_are(study):
    config, run = study
    everything = with_values(config, {"evaluate.probes": "all"}, where="test")
    clean, more = study_pieces(config, run), study_pieces(everything, run)
    assert [piece.identity for piece in more if piece.probe == "clean"] == [piece.identity for piece in clean]
    assert len(in_shares(more)) < len(more)


def test_a_process_loads_a_student_once_and_another_training_of_it_anew(study):
    config, run = study
    pieces = [
        piece
        for piece in study_pieces(with_values(config, {"evaluate.probes": ["corruptions"]}, where=""), run)
        if piece.spec.arm == "ce"
    ]
    predict_pieces(pieces[:1], run, CPU)
    folder = pieces[0].spec.folder(run)
    folder.write_bytes("student.safetensors", b"half")
    predict_pieces(pieces[1:2], run, CPU)
    assert pieces[1].is_done(run)
    folder.write_json("student.json", {**folder.read_json("student.json"), "name": "another"})
    with pytest.raises(ArtifactError, match=r"student.safetensors cannot be used"):
        predict_pieces(pieces[2:3], run, CPU)
