"""What is asked and what is not, found out, and made use of, without a cluster."""

from pathlib import Path

import numpy as np
import pytest

from mmkd_ray import schema
from mmkd_ray.answers.identity import teacher_identity
from mmkd_ray.answers.probability import Answers
from mmkd_ray.answers.query import Query
from mmkd_ray.answers.store import AnswerStore
from mmkd_ray.answers.table import read_teacher_table
from mmkd_ray.answers.verify import verify
from mmkd_ray.artifacts import open_run
from mmkd_ray.errors import ArtifactError, DamagedError
from mmkd_ray.extract.needs import needs_asking
from mmkd_ray.extract.stage import ask_teacher
from tests.support import stored_answers as stored
from tests.support.damage import KINDS, damage
from tests.support.tables import write_image_table

QUESTIONS = ["Is it red?", "Is it blue?"]


def write(config, run, images, questions):
    """Answers about some images, as an engine leaves them."""
    store, queries = AnswerStore(run, teacher_identity(config.teacher)), [Query(text) for text in questions]
    log_p = np.log(np.full((len(images), len(questions)), 0.5, np.float32))
    ids, shas = [row["image_id"] for row in images], [row["sha256"] for row in images]
    store.write(store.name(ids, shas, queries), ids, shas, queries, Answers(log_p, log_p))


@pytest.fixture
def config(tmp_path):
    return stored.config_for(tmp_path, QUESTIONS, teacher=stored.RANDOM)


def test_a_run_whose_answers_are_all_stored_makes_its_table_without_a_cluster(config, run, no_cluster):
    images = stored.rows()
    with pytest.raises(ArtifactError, match="run `mmkd images CONFIG` first"):
        needs_asking(config, run)
    write_image_table(config, run, images, stored.CLASSES)
    assert needs_asking(config, run)
    write(config, run, images[:30], QUESTIONS)
    write(config, run, images[30:], QUESTIONS[:1])
    assert needs_asking(config, run)
    write(config, run, images[30:], QUESTIONS[1:])
    assert not needs_asking(config, run)
    record = ask_teacher(config, run, lambda *_: None)
    assert record["ledger"]["present"] == len(images) * 2
    assert verify(run).present == len(images) * 2
    assert not needs_asking(config, run)


def test_another_run_has_what_this_one_has_asked_and_lacks_the_rest(config, run, tmp_path, no_cluster):
    """As `name=chosen` beside `name=quickstart`: the same images, some of the questions, and then one more."""
    images, chosen = stored.rows(), open_run(str(tmp_path / "runs"), "chosen")
    write_image_table(config, run, images, stored.CLASSES)
    write(config, run, images, QUESTIONS)
    fewer = stored.config_for(tmp_path, QUESTIONS[1:], teacher=stored.RANDOM, name="chosen")
    write_image_table(fewer, chosen, images, stored.CLASSES)
    assert not needs_asking(fewer, chosen)
    assert ask_teacher(fewer, chosen, lambda *_: None)["ledger"]["present"] == len(images)
    more = stored.config_for(tmp_path, [*QUESTIONS, "Is it big?"], teacher=stored.RANDOM, name="chosen")
    assert needs_asking(more, chosen)


def test_imported_answers_are_never_asked(run, tmp_path):
    assert not needs_asking(stored.config_for(tmp_path, QUESTIONS), run)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["record.json", "questions.json", "quarantine.parquet", "table/part-00000.parquet"])
def test_a_damaged_teacher_table_is_made_again_by_the_same_command(config, run, no_cluster, capsys, kind, name):
    images = stored.rows()
    write_image_table(config, run, images, stored.CLASSES)
    write(config, run, images, QUESTIONS)
    record = ask_teacher(config, run, lambda *_: None)
    table = read_teacher_table(run)
    damage(Path(run.teacher.path, name), kind)
    if name != "quarantine.parquet":  # which training does not read
        with pytest.raises(
            ArtifactError, match=rf"{name.rpartition('/')[2]} is damaged|table/ is damaged|not finished"
        ):
            read_teacher_table(run)
    assert not needs_asking(config, run)
    assert ask_teacher(config, run, lambda *_: None) == record
    assert read_teacher_table(run).p_yes_NQ.tolist() == table.p_yes_NQ.tolist()
    assert (run.teacher.uri in capsys.readouterr().err) == (kind != "gone" or name != "record.json")


def test_an_answer_that_is_no_probability_is_never_read(config, run):
    images = stored.rows()
    stored.write_run(config, run, QUESTIONS, np.full((len(images), 2), 0.5))
    part, name = run.teacher.child("table"), "part-00000.parquet"
    for value in (0.5, np.nan):
        table = part.read_table(name)
        column = schema.fixed_size_rows(np.full((len(images), 2), value, np.float32))
        part.write_table(name, table.set_column(2, table.schema.field("log_p_yes"), column))
        with pytest.raises(DamagedError, match=r"an answer is nan, or a probability above 1\): run `mmkd extract"):
            read_teacher_table(run)
