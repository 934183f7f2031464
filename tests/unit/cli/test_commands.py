"""The commands as a user gives them: what is printed, and the exit status."""

import json

import numpy as np
import pytest

from mmkd_ray import fieldguide
from mmkd_ray.answers.query import Query
from mmkd_ray.answers.table import read_teacher_table
from mmkd_ray.artifacts import open_run
from mmkd_ray.config import load
from mmkd_ray.data.building import build_image_table
from mmkd_ray.data.table import read_splits
from tests.support.pictures import fill_tree
from tests.support.stored_answers import write_teacher


def test_config_prints_every_default(mmkd):
    status, output = mmkd("config", "configs/quickstart.yaml", "train.alpha=7")
    assert status == 0
    assert "alpha: 7" in output
    assert "momentum: 0.9" in output


def test_fieldguide_sheet_writes_a_picture(mmkd, tmp_path):
    status, output = mmkd("fieldguide", "sheet", str(tmp_path / "sheet.png"))
    assert status == 0
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")
    assert output == str(tmp_path / "sheet.png")


@pytest.mark.usefixtures("no_cluster")
@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["train.alhpa=3"], "unknown key 'train.alhpa'; did you mean 'train.alpha'?"),
        (["train.alpha=-1"], "train.alpha: got -1"),
        (["aspects.count=5000"], "aspects.count is 5000, but the field guide has"),
        (["student.model=resnet81"], "timm has no model 'resnet81'; did you mean"),
        (["teacher.model=/nowhere"], "'/nowhere' is not a checkpoint"),
        (["teacher.model=tests"], "'tests' is not a checkpoint (expected config.json and *.safetensors in it)"),
        (["cluster.address=127.0.0.1:1"], "no Ray cluster answers at '127.0.0.1:1'"),
        (["data={source: folder, path: nowhere}"], "data.path: 'nowhere' is not a folder"),
        (["data={source: folder, path: .ci}"], "holds files in no class folder"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(mmkd, tmp_path, overrides, message):
    small = ["data.train_per_class=1", "data.val_per_class=1", "data.test_per_class=1", "data.shift_per_class=1"]
    if any(override.startswith("data=") for override in overrides):
        small = []
    status, output = mmkd("run", "configs/quickstart.yaml", f"storage.path={tmp_path}", *small, *overrides)
    errors = [line for line in output.splitlines() if line.startswith("mmkd: ")]
    assert status == 2
    assert len(errors) == 1
    assert errors[0].startswith("mmkd: error: ")
    assert message in errors[0]
    assert output.splitlines()[-1] == errors[0]


@pytest.mark.parametrize(
    ("place", "reason"),
    [("file", "Not a directory"), ("x" * 300, "File name too long"), ("/proc/none", "No such file or directory")],
)
def test_a_storage_that_cannot_be_made_is_one_line(mmkd, tmp_path, place, reason):
    (tmp_path / "file").touch()
    status, output = mmkd("images", "configs/quickstart.yaml", f"storage.path={tmp_path / place}")
    assert status == 2
    assert output.startswith("mmkd: error: storage: the folder ")
    assert output.endswith(f"logs cannot be made: {reason}; choose another storage.path or name")


def test_a_stage_without_its_input_names_the_command(mmkd, tmp_path):
    status, output = mmkd("report", "configs/quickstart.yaml", f"storage.path={tmp_path}")
    assert status == 2
    assert "run `mmkd" in output


def test_a_dry_run_refuses_a_student_that_there_is_not(mmkd, tmp_path):
    status, output = mmkd(
        "study", "configs/quickstart.yaml", f"storage.path={tmp_path}", "--dry-run", "student.model=resnet"
    )
    assert status == 2
    assert "timm has no model 'resnet'" in output


def test_a_dry_run_says_what_a_study_would_train(mmkd, tmp_path):
    status, output = mmkd("study", "configs/evidence.yaml", f"storage.path={tmp_path}", "--dry-run")
    assert status == 0
    assert "variant   convnext: convnext_atto, 40 epochs of batch 64; 10 arms (ce, makd, " in output
    assert "students  260, none trained" in output
    assert "training  10,400 epochs; give --seconds-per-epoch" in output
    assert "questions" in output
    assert not (tmp_path / "evidence" / "images").exists()


def test_the_cost_of_a_study_follows_from_the_rate_given(mmkd, tmp_path):
    status, output = mmkd(
        "study", "configs/quickstart.yaml", f"storage.path={tmp_path}", "--dry-run", "--seconds-per-epoch", "0.5",
        "cluster.lanes=2",
    )  # fmt: skip
    assert status == 0
    assert "training  840 epochs at 0.50 s: 0.12 core-hours; 0.06 h with 2 students at a time" in output


@pytest.fixture
def aspects_of_a_stored_table(tmp_path):
    """Overrides for a tiny run with imported answers: right about everything, and always No to the first question."""
    questions = [question.text for question in fieldguide.QUESTIONS][:4]
    (tmp_path / "questions.yaml").write_text("".join(f"- {text}\n" for text in questions))
    overrides = [
        f"storage.path={tmp_path}/runs", "data.train_per_class=2", "data.val_per_class=1", "data.test_per_class=1",
        "data.shift_per_class=1", "teacher={kind: imported, name: oracle}", "pilot.bootstrap=5",
        f"aspects={{source: file, path: {tmp_path}/questions.yaml}}",
    ]  # fmt: skip
    config = load("configs/quickstart.yaml", overrides)
    run = open_run(config.storage.path, config.name)
    build_image_table(config, run, lambda *_: None)
    rows = read_splits(run, ["train", "val"]).to_pylist()
    truth = fieldguide.attributes_of([row["image_id"] for row in rows], species_seed=0, seed=0)
    p_yes = (
        np.array([[own[question.id] for question in fieldguide.QUESTIONS[:4]] for own in truth.values()]) * 0.9 + 0.05
    )
    p_yes[:, 0] = 0.05
    write_teacher(config, run, rows, questions, p_yes)
    return questions, overrides, run


def test_questions_are_scored_audited_and_selected_on_a_terminal(mmkd, aspects_of_a_stored_table):
    """All of it from stored answers: no cluster is started."""
    questions, overrides, run = aspects_of_a_stored_table
    status, output = mmkd("aspects", "score", "configs/quickstart.yaml", "--stored", *overrides)
    assert status == 0, output
    assert "cluster" not in output
    assert all(text in output for text in questions)
    assert "dead: every image gets No: P(yes) is 0.050 +- 0.000" in output
    assert output.splitlines()[-1] == f"page: {run.evidence.uri}/questions.html"
    assert run.evidence.exists("questions.html")

    status, output = mmkd("aspects", "audit", "configs/quickstart.yaml", *overrides)
    assert status == 0, output
    assert "4 questions with a known truth" in output
    worst = next(line for line in output.splitlines() if line.startswith(questions[0]))
    assert float(worst.split("?")[1].split()[0]) < 1
    assert "1.000  1.000" in output
    assert "mean accuracy of 4 questions: 0." in output
    assert "How often the teacher is right" in run.evidence.read_bytes("questions.html").decode()

    status, output = mmkd("aspects", "configs/quickstart.yaml", *overrides, "aspects.select=mrmr")
    assert status == 0, output
    assert f"4 of 4 questions, 0 rejected; {run.aspects.uri}/aspects.yaml" in output
    assert output.splitlines()[-1].split(maxsplit=1) == ["4", questions[0]]
    status, output = mmkd("aspects", "configs/quickstart.yaml", *overrides, "aspects.select=mrmr")
    assert status == 0, output
    assert "already done: reused" in output


def test_questions_that_are_taken_as_they_are_need_no_selection(mmkd, aspects_of_a_stored_table):
    _, overrides, _ = aspects_of_a_stored_table
    status, output = mmkd("aspects", "configs/quickstart.yaml", *overrides)
    assert status == 2
    assert output.splitlines()[-1].startswith("mmkd: error: aspects.select is 'file': ")


def test_how_folders_were_read_is_told(mmkd, tmp_path):
    fill_tree(tmp_path / "tree", [f"{split}/{name}" for split in ("Train", "valid", "test") for name in "ab"])
    (tmp_path / "tree" / "test" / "a" / "0.xml").write_text("<annotation/>")
    data = [f"data.path={tmp_path}/tree", f"storage.path={tmp_path}/runs"]
    status, output = mmkd("images", "configs/own_images.yaml", *data)
    assert status == 0
    assert "read as SPLIT/CLASS/IMAGE: Train/ is train, test/ is test, valid/ is val" in output
    assert "skipped 1 files that are no images by name: .xml 1" in output
    assert "2 classes: a, b" in output


def test_the_values_of_an_imported_file_are_in_the_order_of_the_questions(mmkd, tmp_path):
    """The example configuration, and what docs/extraction.md says about it."""
    fill_tree(tmp_path / "tree", ["a", "b"], 8)
    answers = {f"{name}/{number}.png": [0.9, 0.1] for name in "ab" for number in range(8)}
    (tmp_path / "p_yes.json").write_text(json.dumps(answers))
    (tmp_path / "questions.yaml").write_text("- Is it red?\n- Is it small?\n")
    places = [f"data.path={tmp_path}/tree", f"aspects.path={tmp_path}/questions.yaml", f"storage.path={tmp_path}/runs"]
    assert mmkd("images", "configs/imported_teacher.yaml", *places)[0] == 0
    status, output = mmkd("import-teacher", "configs/imported_teacher.yaml", str(tmp_path / "p_yes.json"), *places)
    assert (status, "0 missing, 0 twice" in output) == (0, True)
    table = read_teacher_table(
        open_run(f"{tmp_path}/runs", "imported_teacher"), [Query("Is it small?"), Query("Is it red?")]
    )
    assert table.p_yes_of(["a/0.png"])[0].tolist() == pytest.approx([0.1, 0.9])
    assert mmkd("study", "configs/imported_teacher.yaml", *places, "--dry-run")[0] == 0


def test_images_from_elsewhere_are_refused_by_every_command_and_taken_with_replace(mmkd, tmp_path):
    for tree, count in (("one", 5), ("two", 6)):
        fill_tree(tmp_path / tree, [f"{split}/{name}" for split in ("train", "val", "test") for name in "ab"], count)

    def on(command, tree, *options):
        place = [f"data.path={tmp_path}/{tree}", f"storage.path={tmp_path}/runs"]
        return mmkd(command, "configs/own_images.yaml", *place, *options)

    assert on("images", "one")[0] == 0
    for command in ("images", "evaluate", "report", "plan"):
        status, output = on(command, "two")
        assert status == 2, command
        last = output.splitlines()[-1]
        assert f"has the images of folder {tmp_path}/one since 20" in last, command
    assert not (tmp_path / "runs" / "own_images" / "config.yaml").exists()
    status, output = on("images", "two", "--replace")
    assert status == 0
    assert "30 were, 36 are; 6 added, 0 gone" in output
    assert on("images", "two")[0] == 0
    status, output = on("run", "one", "--replace", "aspects.path=/not/there.yaml")
    assert "/not/there.yaml" in output.splitlines()[-1]


def test_one_image_a_worker_is_refused_by_check(mmkd, tmp_path):
    student = ["train.batch_size=1", "student.image_size=32"]
    status, output = mmkd("run", "configs/quickstart.yaml", f"storage.path={tmp_path}", *student)
    assert status == 2
    assert "cannot take a training step of 1 image a worker" in output
