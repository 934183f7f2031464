"""Extraction with the real Ray Data, the real vLLM and the shipped teacher."""

import numpy as np
import pytest
import yaml

from mmkd_ray import fieldguide
from mmkd_ray.artifacts import open_run
from mmkd_ray.config import validate
from mmkd_ray.data.table import build_image_table
from mmkd_ray.errors import TeacherError
from mmkd_ray.extract.stage import ask_teacher, mean_answer_mass
from mmkd_ray.extract.table import read_teacher_table

DATA = {"source": "fieldguide", "train_per_class": 2, "val_per_class": 1, "test_per_class": 1, "shift_per_class": 1}


def config_with(**sections):
    tree = {
        "name": "t",
        "data": DATA,
        "aspects": {"source": "fieldguide"},
        "teacher": {"prompt": "{question}"},
        "extract": {"actors": 1, "cpus_per_actor": 2, "batch_size": 16},
    }
    return validate({**tree, **{key: {**tree.get(key, {}), **value} for key, value in sections.items()}})


@pytest.fixture(scope="module")
def asked(ray_cluster, tmp_path_factory):
    """A finished extraction, and its record."""
    run, config = open_run(str(tmp_path_factory.mktemp("runs")), "t"), config_with()
    build_image_table(config, run, lambda *_: None)
    progress = []
    record = ask_teacher(config, run, lambda *done: progress.append(done))
    return run, config, record, progress


def test_the_ledger_is_complete_and_progress_reached_the_end(asked):
    _, _, record, progress = asked
    cells = 24 * 3 * len(fieldguide.QUESTIONS)
    assert record["ledger"] == {
        "images": 72, "questions": len(fieldguide.QUESTIONS), "expected": cells, "present": cells,
        "missing": 0, "duplicated": 0, "quarantined": 0,
    }  # fmt: skip
    assert progress[0] == (0, 72)
    assert progress[-1] == (72, 72)


def test_the_teacher_is_right_about_most_of_what_it_sees(asked):
    run, config, _, _ = asked
    table = read_teacher_table(run)
    counts = {"train": config.data.train_per_class, "val": config.data.val_per_class}
    truth = {image.image_id: image.attributes for image in fieldguide.images(species_seed=0, seed=0, per_class=counts)}
    true_NQ = np.array([[truth[name][question.id] for question in fieldguide.QUESTIONS] for name in table.image_ids])
    assert ((table.p_yes_NQ > 0.5) == true_NQ).mean() > 0.93
    assert min(mean_answer_mass(run).values()) > 0.98


def test_the_identity_is_in_the_metadata_of_the_table(asked):
    run, _, record, _ = asked
    folder = run.teacher.child("table")
    for name in folder.names():
        metadata = folder.read_table(name).schema.metadata
        assert metadata[b"mmkd.identity"].decode() == record["fingerprint"]


def test_a_finished_extraction_is_free_and_where_it_runs_is_no_part_of_it(asked):
    run, _, record, _ = asked
    elsewhere = config_with(extract={"actors": 2, "cpus_per_actor": 1, "batch_size": 5})
    calls = []
    assert ask_teacher(elsewhere, run, lambda *done: calls.append(done)) == record
    assert calls == []


def test_the_order_of_questions_and_the_batches_do_not_change_an_answer(asked, tmp_path):
    run, _, _, _ = asked
    before = read_teacher_table(run)
    backwards = tmp_path / "backwards.yaml"
    backwards.write_text(yaml.safe_dump(list(before.questions[:9:-1])))
    config = config_with(
        aspects={"source": "file", "path": str(backwards)},
        extract={"actors": 2, "cpus_per_actor": 1, "batch_size": 7},
    )
    other = open_run(str(tmp_path), "other")
    build_image_table(config, other, lambda *_: None)
    ask_teacher(config, other, lambda *_: None)
    after = read_teacher_table(other)
    columns = [before.questions.index(question) for question in after.questions]
    assert columns == list(range(len(before.questions) - 1, 9, -1))
    np.testing.assert_allclose(after.p_yes_of(list(before.image_ids)), before.p_yes_NQ[:, columns], rtol=0, atol=1e-4)


def test_a_teacher_without_a_single_token_yes_is_explained(ray_cluster, run):
    config = config_with(teacher={"prompt": "{question}", "yes_token": "Most certainly"})
    build_image_table(config, run, lambda *_: None)
    with pytest.raises(TeacherError, match=r"'Most certainly' is \d+ tokens in the teacher's tokenizer, not one"):
        ask_teacher(config, run, lambda *_: None)
