"""Questions scored, audited and ordered by stored answers: nothing is asked, no cluster is needed."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from mmkd_ray import fieldguide
from mmkd_ray.answers.identity import teacher_identity
from mmkd_ray.answers.probability import Answers
from mmkd_ray.answers.query import mirrored
from mmkd_ray.answers.store import AnswerStore
from mmkd_ray.answers.table import read_teacher_table
from mmkd_ray.aspects.questions import FILE, load_aspects
from mmkd_ray.config import Config, validate
from mmkd_ray.data.table import read_splits
from mmkd_ray.errors import ArtifactError, AspectError, ConfigError, DataError, MmkdError
from mmkd_ray.evidence.pilot import pilot_queries
from mmkd_ray.evidence.stage import audit_teacher, needs_cluster, score_aspects, scoring_needs_cluster, select_aspects
from mmkd_ray.evidence.tables import AUDIT, PILOT, SCORES, audit_table, mean_accuracy_line, score_table, summary_line
from mmkd_ray.propose.stage import candidates
from tests.support import stored_answers as stored
from tests.support.damage import KINDS, damage
from tests.support.tables import image_row, write_image_table

DEAD, TWIN, BEST, WEAK = "Is it a spaceship?", "Has it got big eyes?", "Are the eyes large?", "Is it grey?"
QUESTIONS = (DEAD, TWIN, BEST, WEAK)
BY_EVIDENCE = [BEST, WEAK, TWIN, DEAD]
TEXT = f"""\
# The questions of our study.
- {DEAD}  # a trap
# Two that are alike:
- question: {TWIN}
  weight: 0.5
- question: "{BEST}"
  orientation_sensitive: true
- {WEAK}
"""


def quiet(*_):
    """Progress that nobody looks at."""


def told():
    """P(yes) about the images of `stored.rows()`: the second class has large eyes, most of it is grey."""
    rng = np.random.default_rng(0)
    label_N = np.array([row["label"] for row in stored.rows()])
    best = np.where(label_N == 1, 0.95, 0.05)
    weak = np.where(label_N == 1, 0.8, 0.3) + rng.normal(0, 0.25, len(label_N))
    dead = np.full(len(label_N), 0.01)
    return np.stack([dead, 0.5 + 0.8 * (best - 0.5), best, np.clip(weak, 0.02, 0.98)], axis=1).astype(np.float32)


@pytest.fixture
def make(run, tmp_path):
    """A run with an imported table of all questions; gives its configuration, the aspects' settings as given."""

    def made(text=TEXT, *, questions=QUESTIONS, p_yes=None, teacher=None, **aspects) -> Config:
        config = stored.config_for(tmp_path, text, teacher=teacher, aspects=aspects)
        stored.write_run(config, run, questions, told() if p_yes is None else p_yes)
        return config

    return made


def other_settings(config: Config, **pilot) -> Config:
    return config.model_copy(update={"pilot": config.pilot.model_copy(update=pilot)})


def texts(aspects):
    return [aspect.question for aspect in aspects]


@pytest.mark.parametrize("teacher", [stored.IMPORTED, stored.RANDOM])
def test_scores_of_a_stored_table(make, run, teacher):
    config = make(teacher=teacher)
    scores = score_aspects(config, run, quiet, stored=True)
    assert [one.question for one in scores] == BY_EVIDENCE
    assert [one.verdict for one in scores] == ["good", "good", "redundant", "dead"]
    assert scores[2].redundant_with == BEST
    assert (scores[0].answer_mass is None) == (teacher == stored.IMPORTED)
    assert summary_line(scores) == "4 questions: 2 good, 1 redundant, 1 dead"


def test_scores_are_stored_with_the_answers_in_the_order_of_ranks(make, run):
    scores = score_aspects(make(), run, quiet, stored=True)
    assert run.evidence.read_table(SCORES).to_pylist() == [one.as_dict() for one in scores]
    pilot = run.evidence.read_table(PILOT)
    train = [n for n, row in enumerate(stored.rows()) if row["split"] == "train"]
    assert pilot["image_id"].to_pylist() == [stored.rows()[n]["image_id"] for n in train]
    order = [QUESTIONS.index(one.question) for one in scores]
    np.testing.assert_allclose(np.stack(pilot["p_yes"].to_numpy()), told()[train][:, order], atol=1e-5)


def test_the_table_on_a_terminal_names_every_question_with_its_reason(make, run):
    lines = str(score_table(score_aspects(make(), run, quiet))).splitlines()
    assert [line.split()[0] for line in lines if line.split()[0].isdigit()] == ["1", "2", "3", "4"]
    assert f"redundant: '{BEST}' explains 100 % of its variance" in lines[5]
    assert "dead: every image gets No" in lines[7]
    assert {len(line) for line in lines if line.split()[0].isdigit()} == {len(lines[0])}


def test_imported_answers_are_never_asked_anew(make, run):
    config = make()
    assert not needs_cluster(config, run)
    assert [one.question for one in score_aspects(config, run, quiet)] == BY_EVIDENCE


def test_of_a_stored_table_the_first_questions_are_scored_if_these_are_asked(make, run):
    config = make(questions=QUESTIONS[:2], p_yes=told()[:, :2], count=2)
    assert {one.question for one in score_aspects(config, run, quiet, stored=True)} == {DEAD, TWIN}


def test_selecting_writes_the_questions_in_the_order_of_the_evidence(make, run):
    config = make(select="mrmr")
    record = select_aspects(config, run, quiet)
    assert (record["selected"], record["proposed"], record["rejected"], record["requests"]) == (4, 4, 0, 0)
    assert texts(load_aspects(config, run)) == BY_EVIDENCE
    assert run.evidence.exists(SCORES)


def test_the_number_of_questions_is_cut_from_that_order(make, run):
    select_aspects(make(select="mrmr"), run, quiet)
    assert texts(load_aspects(make(select="mrmr", count=2), run)) == BY_EVIDENCE[:2]
    # Another Q is no other selection.
    assert texts(load_aspects(make(select="mrmr", count=3), run)) == BY_EVIDENCE[:3]


def test_weights_are_what_each_question_tells_and_one_on_average(make, run):
    """One selection serves both: a study may compare them in its variants."""
    select_aspects(make(select="mrmr"), run, quiet)
    bits = {one.question: max(round(one.information, 4), 0) for one in score_aspects(make(select="mrmr"), run, quiet)}
    own = {TWIN: 0.5}  # the source's
    for count in (2, 4):
        aspects = load_aspects(make(select="mrmr", weighting="information", count=count), run)
        expected = np.array([bits[aspect.question] * own.get(aspect.question, 1) for aspect in aspects])
        weights = np.array([aspect.weight for aspect in aspects])
        np.testing.assert_allclose(weights, expected / expected.mean(), rtol=1e-6)
    assert expected[0] > expected[1] > 0
    uniform = load_aspects(make(select="mrmr"), run)
    assert {aspect.question: aspect.weight for aspect in uniform} == dict.fromkeys(QUESTIONS, 1) | own
    text = run.aspects.read_bytes(FILE).decode()
    run.aspects.write_bytes(FILE, re.sub(r"  information: .*\n", "", text).encode())
    with pytest.raises(AspectError, match=r"needs to know what '.*' told about the class"):
        load_aspects(make(select="mrmr", weighting="information"), run)


def test_weights_by_evidence_need_evidence(make):
    with pytest.raises(ConfigError, match=r"aspects.weighting: information needs aspects.select: mrmr"):
        make(select="file", weighting="information")


def test_what_a_person_wrote_into_the_source_survives(make, run):
    config = make(select="information")
    select_aspects(config, run, quiet)
    text = run.aspects.read_bytes(FILE).decode()
    for comment in ("# The questions of our study.", "# a trap", "# Two that are alike:"):
        assert comment in text
    found = {aspect.question: aspect for aspect in load_aspects(config, run)}
    assert found[BEST].orientation_sensitive
    assert found[TWIN].weight == 0.5
    assert [entry["question"] for entry in yaml.safe_load(text)] == list(QUESTIONS)
    assert {entry["question"]: entry["rank"] for entry in yaml.safe_load(text)}[BEST] == 1


def test_a_rerun_is_free_and_leaves_an_edited_file_alone(make, run):
    config = make(select="mrmr")
    record = select_aspects(config, run, quiet)
    edited = run.aspects.read_bytes(FILE) + b"- Is it snowing?\n"
    run.aspects.write_bytes(FILE, edited)
    run.evidence.delete()
    assert select_aspects(config, run, quiet) == record
    assert run.aspects.read_bytes(FILE) == edited
    assert not run.evidence.exists(SCORES)
    assert texts(load_aspects(config, run)) == [*BY_EVIDENCE, "Is it snowing?"]


def test_an_edited_file_is_not_overwritten_by_other_settings(make, run):
    config = make(select="mrmr")
    select_aspects(config, run, quiet)
    edited = run.aspects.read_bytes(FILE) + b"# mine\n"
    run.aspects.write_bytes(FILE, edited)
    with pytest.raises(
        ArtifactError, match=r"aspects\.yaml has been edited, .*aspects\.source=file aspects\.path=\.\.\."
    ):
        select_aspects(other_settings(config, seed=1), run, quiet)
    assert run.aspects.read_bytes(FILE) == edited


def test_a_file_that_nobody_edited_follows_the_settings(make, run):
    config = make(select="mrmr")
    record = select_aspects(config, run, quiet)
    other = other_settings(config, redundant_above=1.0)
    assert select_aspects(other, run, quiet)["fingerprint"] != record["fingerprint"]
    assert texts(load_aspects(other, run)) == [BEST, TWIN, WEAK, DEAD]
    with pytest.raises(ArtifactError, match="made for another configuration: run `mmkd aspects CONFIG`"):
        load_aspects(config, run)


def test_a_file_that_was_deleted_is_made_again(make, run):
    config = make(select="mrmr")
    record = select_aspects(config, run, quiet)
    run.aspects.filesystem.delete_file(f"{run.aspects.path}/{FILE}")
    assert select_aspects(config, run, quiet) == record
    assert texts(load_aspects(config, run)) == BY_EVIDENCE


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("weight: 0.5", "weight: 2.0"),
        TEXT.replace("  weight: 0.5", "  weight: 0.5\n  paraphrase: Are its eyes big?"),
        TEXT.replace("  orientation_sensitive: true\n", ""),
        TEXT.replace(f"- {WEAK}\n", ""),
    ],
)
def test_a_source_that_has_changed_is_taken_up(make, run, text):
    record = select_aspects(make(select="mrmr"), run, quiet)
    changed = make(text, select="mrmr")
    assert select_aspects(changed, run, quiet)["fingerprint"] != record["fingerprint"]
    source = make(text)
    key = lambda aspect: aspect.question  # noqa: E731
    selected = [replace(aspect, information=None) for aspect in load_aspects(changed, run)]
    assert sorted(selected, key=key) == sorted(load_aspects(source, run), key=key)


def test_other_answers_make_another_order(make, run):
    """Imported answers have no weights to tell them apart: their table does."""
    config = make(select="mrmr")
    select_aspects(config, run, quiet)
    swapped = told()[:, [3, 0, 1, 2]]
    stored.write_teacher(config, run, stored.rows(), QUESTIONS, swapped, identity="another table")
    select_aspects(config, run, quiet)
    assert texts(load_aspects(config, run)) == [WEAK, DEAD, BEST, TWIN]


@pytest.mark.parametrize("select", ["mrmr", "information"])
def test_a_limit_of_the_answer_mass_is_part_of_the_selection(make, run, select):
    config = make(select=select)
    extract = config.extract.model_copy(update={"min_answer_mass": 0.01})
    first = select_aspects(config, run, quiet)
    other = select_aspects(config.model_copy(update={"extract": extract}), run, quiet)
    assert first["fingerprint"] != other["fingerprint"]


def test_without_a_selection_there_is_nothing_to_do(make, run):
    with pytest.raises(AspectError, match=r"aspects\.select is 'file': .*set aspects\.select=mrmr"):
        select_aspects(make(), run, quiet)


def test_who_needs_a_cluster(tmp_path, run):
    llm = {"source": "llm", "llm": {"kind": "vllm", "model": "m"}, "select": "llm"}
    over_http = {**llm, "llm": {"kind": "openai", "model": "m"}}

    def needs(teacher, aspects):
        config = stored.config_for(tmp_path, TEXT, teacher=teacher)
        tree = config.model_dump(mode="json") | {"aspects": {**config.aspects.model_dump(mode="json"), **aspects}}
        config = validate(tree | ({"aspects": aspects} if "source" in aspects else {}))
        write_image_table(config, run, stored.rows(), stored.CLASSES)
        return needs_cluster(config, run)

    assert needs(stored.RANDOM, {"select": "mrmr"})
    assert not needs(stored.IMPORTED, {"select": "mrmr"})
    assert not needs(stored.RANDOM, {})
    assert needs(stored.IMPORTED, llm)
    assert not needs(stored.RANDOM, over_http)
    assert needs(stored.RANDOM, {**over_http, "select": "information"})


def test_where_the_pilots_answers_are_stored_no_cluster_is_needed_and_none_is_started(tmp_path, run, no_cluster):
    config = stored.config_for(tmp_path, TEXT, teacher=stored.RANDOM, aspects={"select": "mrmr"})
    write_image_table(config, run, stored.rows(), stored.CLASSES)
    store = AnswerStore(run, teacher_identity(config.teacher))
    images, sizes = {row["image_id"]: row["sha256"] for row in stored.rows()}, []
    for count in (30, len(images)):
        ids = list(images)[:count]
        queries = pilot_queries(config, candidates(config, run).aspects)
        p = np.random.default_rng(0).uniform(0.1, 0.9, (len(ids), len(queries))).astype(np.float32)
        name = store.name(ids, ids, queries)
        store.write(name, ids, [images[one] for one in ids], queries, Answers(np.log(p), np.log(1 - p)))
        sizes.append((needs_cluster(config, run), scoring_needs_cluster(config, run)))
    assert sizes == [(True, True), (False, False)]
    select_aspects(config, run, quiet)
    assert not needs_cluster(config, run)


def test_answers_of_another_teacher_or_to_other_questions_are_refused(make, run):
    config = make()
    other = config.model_copy(update={"teacher": config.teacher.model_copy(update={"name": "llava"})})
    with pytest.raises(ArtifactError, match=r"of another teacher: teacher\.name was 'internvl2-8b' and is 'llava'"):
        score_aspects(other, run, quiet, stored=True)
    make(questions=QUESTIONS[:3], p_yes=told()[:, :3])
    with pytest.raises(ArtifactError, match=rf"no answers to 1 of the questions, e\.g\. '{WEAK[:-1]}\?'"):
        score_aspects(config, run, quiet, stored=True)


def test_answers_about_other_images_are_refused(make, run):
    config = make(select="mrmr")
    write_image_table(config, run, stored.rows(), stored.CLASSES, digest="others")
    for stage in (score_aspects, select_aspects):
        with pytest.raises(ArtifactError, match="the images have changed since"):
            stage(config, run, quiet)


def test_a_table_that_is_not_there_names_the_command(make, run):
    config = make(select="mrmr")
    run.teacher.delete()
    for stage in (score_aspects, select_aspects):
        with pytest.raises(ArtifactError, match=r"is not finished: run `mmkd import-teacher CONFIG` first"):
            stage(config, run, quiet)


def test_answers_about_mirrored_images_are_used_where_they_are_stored(make, run):
    columns, p_yes = (*QUESTIONS, mirrored(BEST)), told()
    flipped = np.clip(p_yes[:, 2:3] + 0.04, 0, 1)
    config = make(questions=columns, p_yes=np.hstack([p_yes, flipped]))
    found = {one.question: one for one in score_aspects(config, run, quiet)}
    assert found[BEST].flipped_change == pytest.approx(0.04, abs=1e-5)
    assert found[WEAK].flipped_change is None


WRONG, RIGHT, NO_TRUTH = "Is the bird flying?", "Does the bird have a crest?", "Is it art?"


@pytest.fixture
def guide(run, tmp_path):
    """A small field guide, and a teacher that is always wrong about flying and right, by a hair, about the crest."""
    species = fieldguide.make_species(0)
    config = stored.config_for(
        tmp_path,
        (NO_TRUTH, RIGHT, WRONG),
        data={"source": "fieldguide"},
    )
    images = [
        image_row(f"{split}/{one.slug}/{n:04d}", b"", label=label, class_name=one.name, split=split)
        for split in ("train", "val")
        for label, one in enumerate(species)
        for n in range(2)
    ]
    write_image_table(config, run, images, [one.name for one in species])
    truth = fieldguide.attributes_of([row["image_id"] for row in images], species_seed=0, seed=0)
    ids = {question.text: question.id for question in fieldguide.QUESTIONS}
    is_true = np.array([[own[ids[text]] for text in (RIGHT, WRONG)] for own in truth.values()])
    p_yes = np.stack(
        [np.full(len(images), 0.2), np.where(is_true[:, 0], 0.55, 0.45), np.where(is_true[:, 1], 0.1, 0.9)], axis=1
    )
    stored.write_teacher(config, run, images, (NO_TRUTH, RIGHT, WRONG), p_yes.astype(np.float32))
    return config


def test_an_audit_says_how_often_the_teacher_is_right(guide, run):
    wrong, right = audit_teacher(guide, run, quiet).to_pylist()
    assert (wrong["question"], wrong["accuracy"], wrong["auc"]) == (WRONG, 0, 0)
    assert (right["question"], right["accuracy"], right["auc"]) == (RIGHT, 1, 1)
    assert right["calibration_error"] == pytest.approx(0.45, abs=1e-5)
    assert wrong["calibration_error"] == pytest.approx(0.9, abs=1e-5)
    train = read_splits(run, ["train"]).num_rows
    assert (wrong["images"], right["images"]) == (train, train)
    assert run.evidence.read_table(AUDIT).to_pylist() == [wrong, right]
    lines = str(audit_table([wrong, right])).splitlines()
    assert lines[2].startswith(WRONG)
    assert mean_accuracy_line([wrong, right]) == "mean accuracy of 2 questions: 0.5000"


def test_an_audit_of_a_stored_table_follows_its_number_of_questions(guide, run):
    """The table may hold answers to the first questions alone."""
    images = read_splits(run, ["train", "val"]).to_pylist()
    few = guide.model_copy(update={"aspects": guide.aspects.model_copy(update={"count": 2})})
    p_yes = read_teacher_table(run).p_yes_of([row["image_id"] for row in images])[:, :2]
    stored.write_teacher(few, run, images, (NO_TRUTH, RIGHT), p_yes)
    for is_stored in (True, False):
        assert audit_teacher(few, run, quiet, stored=is_stored)["question"].to_pylist() == [RIGHT]


def test_an_audit_of_images_without_labels_is_refused(make, run):
    with pytest.raises(ConfigError, match="'folder' has no attribute labels"):
        audit_teacher(make(), run, quiet, stored=True)
    assert not run.evidence.exists(AUDIT)


def test_an_audit_of_questions_without_truth_is_refused(run, guide):
    only = guide.model_copy(update={"aspects": guide.aspects.model_copy(update={"count": 1})})
    images = read_splits(run, ["train", "val"]).to_pylist()
    stored.write_teacher(only, run, images, (NO_TRUTH,), np.full((len(images), 1), 0.2, np.float32))
    with pytest.raises(DataError, match=rf"known of none of the 1 questions, e\.g\. '{NO_TRUTH[:-1]}\?'"):
        audit_teacher(only, run, quiet)


def test_new_scores_throw_an_old_audit_away(guide, run):
    audit_teacher(guide, run, quiet)
    score_aspects(guide, run, quiet)
    assert not run.evidence.exists(AUDIT)
    audit_teacher(guide, run, quiet)
    assert run.evidence.exists(SCORES)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["record.json", FILE])
def test_damaged_questions_are_selected_again_or_named(make, run, kind, name, capsys):
    """A file that is cut may be one that was edited; and so may a file whose record cannot be read."""
    config = make(select="mrmr")
    select_aspects(config, run, quiet)
    written = run.aspects.read_bytes(FILE)
    damage(Path(run.aspects.path, name), kind)
    told = ""
    try:
        select_aspects(config, run, quiet)
        load_aspects(config, run)
    except MmkdError as error:
        told = str(error)
        assert len(told.splitlines()) == 1
    assert kind == "gone" or name in told + capsys.readouterr().err
    assert (kind != "gone" and name == FILE) or run.aspects.read_bytes(FILE) == written
