from collections import Counter

import numpy as np
import pytest

from mmkd_ray.answers.query import mirrored
from mmkd_ray.aspects.questions import Aspect
from mmkd_ray.config import PilotConfig
from mmkd_ray.errors import ArtifactError
from mmkd_ray.evidence.pilot import choose_images, reworded, stored_answers
from tests.support import stored_answers as stored
from tests.support.tables import write_image_table

QUESTIONS = ("Is it red?", "Is it blue?", "Is it facing left?")
ASPECTS = [Aspect(text) for text in QUESTIONS]


def labels(*counts):
    return np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))


@pytest.mark.parametrize("images", [1, 7, 12, 30])
def test_every_class_has_its_share(images):
    label_N = labels(20, 20, 20, 20, 20)
    chosen = choose_images(label_N, PilotConfig(images=images))
    counts = Counter(label_N[chosen].tolist())
    assert len(set(chosen)) == len(chosen) == images
    assert chosen == sorted(chosen)
    assert max(counts.values()) - min(counts.get(label, 0) for label in range(5)) <= 1


def test_a_small_class_gives_what_it_has_and_the_others_fill_up():
    label_N = labels(2, 50, 50)
    counts = Counter(label_N[choose_images(label_N, PilotConfig(images=22))].tolist())
    assert counts == {0: 2, 1: 10, 2: 10}


def test_more_than_there_are_is_all():
    assert choose_images(labels(3, 4), PilotConfig(images=100)) == list(range(7))


def test_a_sample_smaller_than_the_number_of_classes_is_not_of_the_first_classes():
    label_N = np.repeat(np.arange(200), 3)
    seen = {tuple(label_N[choose_images(label_N, PilotConfig(images=10, seed=seed))]) for seed in range(5)}
    assert len(seen) == 5
    assert all(len(set(chosen)) == 10 for chosen in seen)
    assert max(max(chosen) for chosen in seen) > 100


def test_the_sample_depends_only_on_the_seed():
    label_N = labels(30, 30)
    first = choose_images(label_N, PilotConfig(images=10))
    assert first == choose_images(label_N, PilotConfig(images=10, bootstrap=3, flip=False))
    assert first != choose_images(label_N, PilotConfig(images=10, seed=1))


def test_a_larger_sample_contains_the_smaller_one():
    """So that what has been answered about those is of use."""
    label_N = labels(30, 30, 30)
    small, large = (set(choose_images(label_N, PilotConfig(images=images))) for images in (12, 31))
    assert small < large


def p_yes(count, questions=3, seed=0):
    return np.random.default_rng(seed).uniform(0.05, 0.95, (count, questions)).astype(np.float32)


@pytest.fixture
def table(run, tmp_path):
    """A stored table of all images, and P(yes) by image."""
    config = stored.config_for(tmp_path, QUESTIONS, teacher=stored.RANDOM)
    values = p_yes(len(stored.rows()))
    stored.write_run(config, run, QUESTIONS, values)
    return config, run, {row["image_id"]: values[n] for n, row in enumerate(stored.rows())}


def test_stored_answers_are_in_the_order_of_the_training_images(table):
    config, run, values = table
    found = stored_answers(config, run, ASPECTS)
    assert list(found.image_ids) == [row["image_id"] for row in stored.rows() if row["split"] == "train"]
    assert found.label_N.tolist() == [row["label"] for row in stored.rows() if row["split"] == "train"]
    np.testing.assert_allclose(found.p_yes_NQ, [values[image_id] for image_id in found.image_ids], atol=1e-5)
    np.testing.assert_allclose(found.mass_NQ, 0.9, atol=1e-5)
    assert np.isnan(found.reworded_NQ).all()
    assert np.isnan(found.flipped_NQ).all()


def test_columns_are_found_by_question_in_any_order(table):
    config, run, values = table
    found = stored_answers(config, run, [ASPECTS[2], ASPECTS[0]])
    np.testing.assert_allclose(found.p_yes_NQ, [values[image_id][[2, 0]] for image_id in found.image_ids], atol=1e-5)


def test_rows_are_found_by_image_and_images_without_answers_left_out(table):
    """The table's rows are in another order, and lack some of the images."""
    config, run, _ = table
    told = [row for n, row in enumerate(stored.rows()) if n % 3][::-1]
    values = p_yes(len(told), seed=1)
    stored.write_teacher(config, run, told, QUESTIONS, values)
    found = stored_answers(config, run, ASPECTS)
    by_image = {row["image_id"]: (row["label"], values[n]) for n, row in enumerate(told) if row["split"] == "train"}
    assert sorted(found.image_ids) == sorted(by_image)
    for image_id, label, p_Q in zip(found.image_ids, found.label_N, found.p_yes_NQ, strict=True):
        assert label == by_image[image_id][0]
        np.testing.assert_allclose(p_Q, by_image[image_id][1], atol=1e-5)


def test_answers_about_mirrored_images_are_found(table):
    config, run, _ = table
    columns = [*QUESTIONS, mirrored(QUESTIONS[2])]
    values = p_yes(len(stored.rows()), 4, seed=2)
    stored.write_teacher(config, run, stored.rows(), columns, values)
    found = stored_answers(config, run, ASPECTS)
    assert np.isnan(found.flipped_NQ[:, :2]).all()
    np.testing.assert_allclose(found.flipped_NQ[:, 2], values[: len(found.image_ids), 3], atol=1e-5)


def test_imported_answers_have_no_answer_mass(run, tmp_path):
    config = stored.config_for(tmp_path, QUESTIONS)
    stored.write_run(config, run, QUESTIONS, p_yes(len(stored.rows())), mass=1.0)
    assert np.isnan(stored_answers(config, run, ASPECTS).mass_NQ).all()


def test_missing_answers_are_an_error(table):
    config, run, _ = table
    with pytest.raises(ArtifactError, match=r"no answers to 1 of the questions, e\.g\. 'Is it green\?'"):
        stored_answers(config, run, [*ASPECTS, Aspect("Is it green?")])
    val = [row for row in stored.rows() if row["split"] == "val"]
    stored.write_teacher(config, run, val, QUESTIONS, p_yes(len(val)))
    with pytest.raises(ArtifactError, match="has no answers about training images"):
        stored_answers(config, run, ASPECTS)
    run.teacher.delete()
    write_image_table(config, run, stored.rows(), stored.CLASSES)
    with pytest.raises(ArtifactError, match="is not finished"):
        stored_answers(config, run, ASPECTS)


def test_the_second_wording_is_the_paraphrase_or_the_configured_one():
    pilot = PilotConfig(paraphrase="Look: {question}")
    assert reworded(Aspect("Is it red?", paraphrase="Has it red?"), pilot) == "Has it red?"
    assert reworded(Aspect("Is it red?"), pilot) == "Look: Is it red?"
    assert reworded(Aspect("Is it red?"), PilotConfig()) is None
