"""Extraction with the real Ray Data, the real vLLM and the shipped teacher: one run that grows, and what is refused."""

import json
import logging
import warnings
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from ray.util.annotations import RayDeprecationWarning

from mmkd_ray import fieldguide
from mmkd_ray.answers.identity import require_teacher
from mmkd_ray.answers.table import read_teacher_table
from mmkd_ray.answers.verify import verify
from mmkd_ray.artifacts import open_run
from mmkd_ray.config import VllmTeacher, validate, with_values
from mmkd_ray.data.building import build_image_table
from mmkd_ray.data.table import read_splits
from mmkd_ray.errors import ArtifactError, DataError, LedgerError, TeacherError
from mmkd_ray.extract.cost import count_tokens
from mmkd_ray.extract.stage import ask_teacher, mean_answer_mass
from tests.support.checkpoints import build_internvl

QUESTIONS = [question.text for question in fieldguide.QUESTIONS]
CLASSES = 3
WITHOUT_INFERENCE = {"kind": "no_inference"}
"""Where what is tested comes before any answer: vLLM takes 18 s to load."""
TALL = (40, 64)
"""Width and height: images of other shapes must do as well."""


def write_folder(root, per_class):
    """Pictures of the field guide as a folder of `train` and `test`, one folder a class."""
    counts = {"train": per_class, "test": 1}
    for image in fieldguide.images(species_seed=0, seed=0, per_class=counts):
        if image.label < CLASSES:
            path = root / image.split / image.class_name / f"{image.image_id.replace('/', ' ')} ü.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(image.png)


def config_for(root, questions=QUESTIONS, *, teacher=None, **extract):
    """A run over such a folder, its questions in a file beside it."""
    asked, asked_of = root.parent / "questions.yaml", teacher or {}
    asked.write_text(yaml.safe_dump(list(questions)), encoding="utf-8")
    return validate(
        {
            "name": "t",
            "data": {"source": "folder", "path": str(root)},
            "aspects": {"source": "file", "path": str(asked)},
            "teacher": {**({} if "kind" in asked_of else {"prompt": "{question}", "dtype": "float32"}), **asked_of},
            "extract": {"actors": 1, "cpus_per_actor": 2, "batch_size": 8, **extract},
        }
    )


def ask(config, run):
    """Images and answers; the record, and how many images and cells the teacher was asked about."""
    progress = []
    build_image_table(config, run, lambda *_: None)
    record = ask_teacher(config, run, lambda *counts: progress.append(counts))
    asked = (progress[-1][0] - progress[0][0], progress[-1][2].get("answers", 0)) if progress else (0, 0)
    return record, asked


@pytest.fixture(scope="module")
def grown(ray_cluster, tmp_path_factory):
    """A run of ten questions, then of more, in another order, about more images, one of them changed."""
    root = tmp_path_factory.mktemp("data") / "images"
    run = open_run(str(tmp_path_factory.mktemp("runs")), "t")
    write_folder(root, 4)
    first, asked_first = ask(config_for(root, QUESTIONS[:10]), run)
    before = read_teacher_table(run)
    write_folder(root, 6)
    changed = next(name for name in sorted(before.image_ids) if (root / name).is_file())
    another = max(name for name in before.image_ids if (root / name).is_file())
    with Image.open(root / another) as image:
        other = image.resize(TALL)
    other.save(root / changed)
    config = config_for(root, QUESTIONS[11:3:-1])
    second, asked_second = ask(config, run)
    return {
        "root": root, "run": run, "first": first, "asked_first": asked_first, "before": before, "changed": changed,
        "config": config, "second": second, "asked_second": asked_second,
    }  # fmt: skip


def asked_images(run):
    rows = read_splits(run, ["train", "val"], columns=["image_id"])
    return rows["image_id"].to_pylist()


def test_a_first_run_asks_everything_and_its_ledger_is_complete(grown):
    assert grown["asked_first"] == (12, 12 * 10)
    assert grown["first"]["ledger"] == {
        "images": 12, "scored": 12, "questions": 10, "expected": 120, "present": 120, "missing": 0, "duplicated": 0,
        "quarantined": 0,
    }  # fmt: skip


def test_only_new_questions_and_new_or_changed_images_are_asked(grown):
    """Questions 4 to 9 are known, 10 and 11 are new; six images are new, one has changed."""
    assert len(asked_images(grown["run"])) == 18
    assert grown["asked_second"] == (18, 11 * 2 + 7 * 8)
    assert grown["second"]["ledger"]["present"] == 18 * 8
    assert grown["second"]["asked_again"] == 0


def test_readers_find_their_columns_by_question(grown):
    after, before = read_teacher_table(grown["run"]), grown["before"]
    assert after.questions == tuple(QUESTIONS[11:3:-1])
    same = [name for name in before.image_ids if name != grown["changed"]]
    known = QUESTIONS[4:10]
    old = before.p_yes_of(same)[:, [before.questions.index(text) for text in known]]
    new = read_teacher_table(grown["run"], known).p_yes_of(same)
    np.testing.assert_array_equal(new, old)


def test_an_image_with_other_bytes_under_the_same_name_is_asked_again(grown):
    known = QUESTIONS[4:10]
    before, after = grown["before"], read_teacher_table(grown["run"], known)
    old = before.p_yes_of([grown["changed"]])[:, [before.questions.index(text) for text in known]]
    assert np.abs(after.p_yes_of([grown["changed"]]) - old).max() > 0.5


def test_the_answers_are_those_of_a_run_in_one_piece(grown, tmp_path):
    run = open_run(str(tmp_path), "whole")
    config = grown["config"].model_copy(
        update={
            "extract": grown["config"].extract.model_copy(update={"actors": 2, "cpus_per_actor": 1, "batch_size": 5})
        }
    )
    ask(config, run)
    whole, pieces = read_teacher_table(run), read_teacher_table(grown["run"])
    assert whole.image_ids == pieces.image_ids
    np.testing.assert_allclose(whole.p_yes_NQ, pieces.p_yes_NQ, rtol=0, atol=1e-5)


def test_the_teacher_is_right_about_most_of_what_it_sees(grown):
    table = read_teacher_table(grown["run"])
    truth = {}
    for image in fieldguide.images(species_seed=0, seed=0, per_class={"train": 6, "test": 1}):
        truth[f"{image.split}/{image.class_name}/{image.image_id.replace('/', ' ')} ü.png"] = image.attributes
    names = [name for name in table.image_ids if name != grown["changed"]]
    ids = [next(q.id for q in fieldguide.QUESTIONS if q.text == text) for text in table.questions]
    true_NQ = np.array([[truth[name][key] for key in ids] for name in names])
    assert ((table.p_yes_of(names) > 0.5) == true_NQ).mean() > 0.93
    assert min(mean_answer_mass(grown["run"]).values()) > 0.98


def test_a_finished_extraction_is_free_and_where_it_runs_is_no_part_of_it(grown):
    moved = grown["config"].extract.model_copy(update={"actors": 2, "cpus_per_actor": 1, "batch_size": 5})
    record, asked = ask(grown["config"].model_copy(update={"extract": moved}), grown["run"])
    assert record == grown["second"]
    assert asked == (0, 0)


def test_another_run_of_the_storage_path_asks_only_what_is_lacking(grown):
    """As `name=chosen` beside `name=quickstart`: some of the questions about the same images; no engine is loaded."""
    chosen = open_run(grown["run"].folder.uri.rpartition("/")[0], "chosen")
    record, asked = ask(config_for(grown["root"], QUESTIONS[8:4:-1]), chosen)
    assert asked == (0, 0)
    assert chosen.images == grown["run"].images
    assert record["ledger"]["present"] == 18 * 4
    whole = read_teacher_table(grown["run"], QUESTIONS[8:4:-1])
    np.testing.assert_array_equal(read_teacher_table(chosen).p_yes_NQ, whole.p_yes_NQ)


def test_verify_reads_the_tables_alone(grown):
    assert verify(grown["run"]).present == 18 * 8


def test_another_prompt_is_another_table_and_mixing_is_refused(grown, tmp_path):
    """The first prompt's answers stay and are found again; a file that is put among the wrong ones is noticed."""
    run = open_run(str(tmp_path), "r")
    config, other = (
        config_for(grown["root"], QUESTIONS[:8], teacher=WITHOUT_INFERENCE | {"prompt": prompt})
        for prompt in ("{question}", "Well: {question}")
    )
    _, asked = ask(config, run)
    assert asked == (18, 18 * 8)
    with pytest.raises(ArtifactError, match=r"teacher.prompt was '\{question\}' and is 'Well: \{question\}'"):
        require_teacher(other, run)
    _, asked = ask(other, run)
    assert asked == (18, 18 * 8)
    _, asked = ask(config, run)
    assert asked == (0, 0)
    stores = {
        json.loads((store / "asked.json").read_text())["facts"]["prompt"]: store
        for store in Path(run.shared.path, "answers").iterdir()
    }
    stray = next(stores["Well: {question}"].glob("*.parquet"))
    misplaced = stores["{question}"] / stray.name
    misplaced.write_bytes(stray.read_bytes())
    try:
        run.teacher.delete()
        with pytest.raises(
            LedgerError, match=r"must not be mixed: teacher.prompt was 'Well: .* and is .*move the file"
        ):
            ask(config, run)
    finally:
        misplaced.unlink()
    ask(config, run)


def test_what_cannot_be_read_is_quarantined_and_too_much_of_it_fails_the_run(grown, tmp_path):
    root = tmp_path / "images"
    write_folder(root, 4)
    (next((root / "train").iterdir()) / "broken.png").write_bytes(b"\x89PNG not quite")
    run = open_run(str(tmp_path), "r")
    config = config_for(root, [QUESTIONS[0]], teacher=WITHOUT_INFERENCE, max_bad_fraction=0.1)
    config = with_values(config, {"data.store": "path"}, where="test")  # the actors take the images from their files
    record, asked = ask(config, run)
    assert record["ledger"]["quarantined"] == 1
    assert asked[1] == record["ledger"]["present"]
    assert verify(run).quarantined == 1
    with pytest.raises(DataError, match=r"1 of 16 images cannot be read, more than extract.max_bad_fraction = 0.01"):
        ask(config_for(root, [QUESTIONS[0]], teacher=WITHOUT_INFERENCE, max_bad_fraction=0.01), run)


def test_one_over_long_prompt_fails_its_row_and_not_the_job(ray_cluster, tmp_path):
    """A teacher that cuts images into tiles, and one image that is larger than the others."""
    root, checkpoint = tmp_path / "images", build_internvl(tmp_path / "teacher", max_tiles=4)
    write_folder(root, 4)
    names = sorted(root.glob("train/**/*.png"))
    large = str(names[-1].relative_to(root))
    for path in names[:-1]:
        with Image.open(path) as image:
            small = image.resize((32, 32))
        small.save(path)
    questions = ["Is it red?", "Is it blue?"]
    tokens = count_tokens(VllmTeacher(model=str(checkpoint), prompt="{question}"), [names[0].read_bytes()], questions)
    teacher = {"model": str(checkpoint), "max_model_len": int(tokens.shared + tokens.question) + 8}
    limits = {"min_answer_mass": 0.0}
    config, run = (
        config_for(root, questions, teacher=teacher, max_bad_fraction=0.2, **limits),
        open_run(str(tmp_path), "r"),
    )
    record, _ = ask(config, run)
    assert (record["ledger"]["scored"], record["ledger"]["quarantined"]) == (11, 1)
    (failed,) = run.teacher.read_table("quarantine.parquet").to_pylist()
    assert failed["path"] == large
    assert "longer than the maximum model length" in failed["reason"]
    table = read_teacher_table(run)
    assert np.isnan(table.p_yes_of([large])).all()
    assert np.isfinite(table.p_yes_NQ).all()


def test_a_teacher_that_does_not_answer_is_refused_before_the_full_cost(grown, tmp_path):
    run = open_run(str(tmp_path), "r")
    strange = {"yes_token": "Does", "no_token": "Is"}
    config = config_for(grown["root"], QUESTIONS[:3], teacher=strange)
    with pytest.raises(TeacherError, match=r"does not answer 3 of 3 questions: the mean of P\(yes\) \+ P\(no\) over 4"):
        ask(config, run)
    assert not list(Path(run.shared.path).glob("answers/*/part-*"))
    assert not run.teacher.record()


def test_no_option_is_used_that_ray_is_about_to_remove(ray_cluster, tmp_path, caplog):
    """Ray warns of `ray_remote_args` by a warning, of `concurrency` in its log."""
    write_folder(tmp_path / "images", 4)
    config = config_for(tmp_path / "images", teacher=WITHOUT_INFERENCE)
    caplog.set_level(logging.WARNING, "ray.data")
    log = logging.getLogger("ray.data")
    log.addHandler(caplog.handler)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", RayDeprecationWarning)
            ask(config, open_run(str(tmp_path / "runs"), "t"))
    finally:
        log.removeHandler(caplog.handler)
    assert "deprecated" not in caplog.text
