import numpy as np
import pytest
import torch
import yaml

from mmkd_ray.answers.query import Query, mirrored
from mmkd_ray.answers.table import read_teacher_table
from mmkd_ray.artifacts import open_run
from mmkd_ray.config import ARMS, Arm, arms, validate
from mmkd_ray.data.table import read_splits
from mmkd_ray.errors import ArtifactError
from mmkd_ray.students.targets.labels import Labels
from mmkd_ray.study.students import list_students
from mmkd_ray.train.study_data import StudyData
from tests.support.report_run import Plan, image_rows, write_images, write_teacher
from tests.support.tables import replace_images

LEFT, RIGHT, RED = "Does it face left?", "Does it face right?", "Is it red?"
CLASSES = ("ant", "bee", "wasp")
PLAN = Plan(classes=CLASSES, questions=(LEFT, RED, RIGHT, mirrored(LEFT), mirrored(RIGHT), *CLASSES), right={})


@pytest.fixture
def made(tmp_path):
    """A function that gives a study_data and the students of a study, on one image table and teacher table."""
    questions = tmp_path / "questions.yaml"
    questions.write_text(
        yaml.safe_dump(
            [
                {"question": LEFT, "orientation_sensitive": True, "mirror": RIGHT, "weight": 2},
                RED,
                {"question": RIGHT, "orientation_sensitive": True, "mirror": LEFT},
            ]
        )
    )

    def make(arms, train=None, count=None):
        config = validate(
            {
                "name": "t",
                "data": {"source": "folder", "path": "/nowhere"},
                "aspects": {"source": "file", "path": str(questions), "count": count},
                "student": {"model_args": {"layers": [1] * 4, "channels": [4] * 4}, "image_size": 16},
                "study": {"arms": arms, "seeds": [0], "class_question": "{class_name}"},
                "train": train or {},
            }
        )  # fmt: skip
        run = open_run(str(tmp_path), "t")
        rows = image_rows(PLAN)
        write_images(config, run, rows, PLAN)
        write_teacher(config, run, rows, PLAN)
        record = run.teacher.record()
        record["asked"]["questions"] = [Query.of(question).as_json() for question in PLAN.questions]
        run.teacher.finish(record.pop("fingerprint"), **record)
        return StudyData(run), list_students(config, run), run

    return make


def taught(made, arm, **train):
    study_data, specs, run = made([arm], train)
    training_set = study_data.training_set(specs[0])
    return training_set, read_teacher_table(run).p_yes_of(training_set.train.image_ids)


def test_makd_teaches_the_answers_by_question_and_masks_the_mirrored(made):
    training_set, p_yes = taught(made, "makd")
    np.testing.assert_array_equal(training_set.aspect_targets_NQ, p_yes[:, [0, 1, 2]])
    assert training_set.mirrored_targets_NQ.isnan().all(dim=0).tolist() == [True, False, True]
    assert training_set.aspect_weights_Q.tolist() == [2, 1, 1]
    assert training_set.classes == Labels()
    assert set(training_set.val.splits) == {"val"}


def test_mirrored_views_by_the_mirrored_question_and_by_what_the_teacher_saw(made):
    training_set, p_yes = taught(made, "makd", flip_targets="swap")
    np.testing.assert_array_equal(training_set.mirrored_targets_NQ, p_yes[:, [2, 1, 0]])
    training_set, p_yes = taught(made, "makd", flip_targets="view")
    np.testing.assert_array_equal(training_set.mirrored_targets_NQ, p_yes[:, [3, 1, 4]])


def test_a_shuffled_mirror_belongs_to_the_same_other_image(made):
    training_set, p_yes = taught(made, "shuffled", flip_targets="view")
    order = [
        int(np.flatnonzero((p_yes[:, :3] == row).all(axis=1))[0]) for row in training_set.aspect_targets_NQ.numpy()
    ]
    np.testing.assert_array_equal(training_set.mirrored_targets_NQ, p_yes[order][:, [3, 1, 4]])


def test_zero_shot_teaches_class_probabilities(made):
    training_set, p_yes = taught(made, "zero_shot_kd")
    assert training_set.aspect_targets_NQ is None
    np.testing.assert_allclose(
        training_set.classes.targets_NC, p_yes[:, 5:] / p_yes[:, 5:].sum(1, keepdims=True), rtol=1e-6
    )


def test_label_smoothing_is_the_arms_own(made):
    assert taught(made, "label_smoothing", label_smoothing=0.05)[0].classes.label_smoothing == 0.1
    assert taught(made, "ce", label_smoothing=0.05)[0].classes.label_smoothing == 0.05


def test_an_arm_of_existing_sources_is_one_entry(made, monkeypatch):
    monkeypatch.setitem(ARMS, "class_mean+smoothed", Arm("both at once", arms.CLASS_MEANS, arms.SMOOTHED))
    study_data, (spec, other), _ = made(["class_mean+smoothed", "class_mean"])
    training_set = study_data.training_set(spec)
    assert spec.identity != other.identity
    assert torch.equal(training_set.aspect_targets_NQ, study_data.training_set(other).aspect_targets_NQ)
    assert training_set.classes.label_smoothing == 0.1


def test_a_share_of_the_images_is_taken_class_by_class_and_lies_within_a_larger_share(made):
    quarter, half, all_of_them = (
        set(taught(made, "ce", train_fraction=fraction)[0].train.image_ids) for fraction in (0.25, 0.5, 1.0)
    )
    assert (len(quarter), len(half), len(all_of_them)) == (9, 18, 36)
    assert quarter < half < all_of_them
    for name in CLASSES:
        assert sum(name in image_id for image_id in quarter) == 3


def test_a_variant_with_fewer_questions_has_the_first(made):
    study_data, (spec,), run = made(["makd"], count=2)
    training_set = study_data.training_set(spec)
    p_yes = read_teacher_table(run).p_yes_of(training_set.train.image_ids)
    np.testing.assert_array_equal(training_set.aspect_targets_NQ, p_yes[:, :2])
    assert study_data.new_student(spec).eval()(torch.zeros(1, 3, 16, 16))[1].shape == (1, 2)


def test_a_larger_student_is_read_from_its_folder(made):
    from mmkd_ray.study.students import larger_students
    from mmkd_ray.tasks.classify import CLASSIFY
    from mmkd_ray.train.loop import StudentTrainer
    from mmkd_ray.train.outcome import write_outcome

    study_data, (spec,), run = made(["ce"])
    learner = spec.config.model_copy(
        update={"study": spec.config.study.model_copy(update={"arms": ("kd",), "kd_teacher": spec.config.student})}
    )
    (pupil,) = list_students(learner, run)
    (larger,) = larger_students([pupil])
    student = study_data.new_student(larger)
    trainer = StudentTrainer(
        student,
        student,
        study_data.training_set(larger),
        larger.config.train,
        task=CLASSIFY,
        image_size=16,
        seed=0,
    )
    trainer.run_epoch()
    write_outcome(larger, larger.folder(run), trainer, study_data.class_names, study_data.class_answers(larger))
    read = study_data.training_set(pupil).classes.larger
    assert not read.training
    assert not any(weight.requires_grad for weight in read.parameters())
    for key, weight in student.state_dict().items():
        assert torch.equal(weight, read.state_dict()[key])


def test_the_teachers_answers_by_class_are_in_the_card_of_a_student_with_aspects(made):
    """Of all training images, whatever share of them it is trained on; an identity does not know of them."""
    from mmkd_ray.students.bundle import load_bundle
    from tests.support.bundles import write_students

    _, specs, run = made(["ce", "makd"], {"train_fraction": 0.5, "batch_size": 9})
    write_students(specs[0].config, run)
    cards = {spec.arm: load_bundle(spec.folder(run)).card for spec in specs}
    assert cards["ce"].class_answers is None
    train = read_splits(run, ["train"])
    p_yes = read_teacher_table(run).p_yes_of(train["image_id"].to_pylist())[:, :3]
    labels = train["label"].to_numpy()
    means = [p_yes[labels == label].mean(axis=0) for label in range(3)]
    np.testing.assert_allclose(cards["makd"].class_answers, means, atol=1e-4)


def test_images_or_answers_of_another_identity_teach_nothing(made):
    study_data, (spec,), run = made(["makd"])
    record = run.teacher.record()
    asked = {**record["asked"], "teacher": "another"}
    run.teacher.finish(record["fingerprint"], asked=asked)
    with pytest.raises(ArtifactError, match=r"the answers of .* were replaced while they were in use"):
        study_data.training_set(spec)
    asked = {**record["asked"], "questions": [*record["asked"]["questions"], "Is it more?"]}
    run.teacher.finish(record["fingerprint"], asked=asked)  # one question more changes no answer
    study_data.training_set(spec)
    replace_images(run)
    with pytest.raises(ArtifactError, match=r"the images of .* were replaced while they were in use"):
        study_data.training_set(spec)
