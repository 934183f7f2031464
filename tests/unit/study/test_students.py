import pytest
import yaml

from mmkd_ray.answers.identity import what_is_asked
from mmkd_ray.config import validate
from mmkd_ray.data.table import settings_identity
from mmkd_ray.errors import ArtifactError
from mmkd_ray.evaluate.evaluation import read_evaluation
from mmkd_ray.study.students import distinct, larger_students, list_students, trained_students


@pytest.fixture
def make(run, tmp_path):
    """A configuration, with its image table and teacher table recorded as finished."""
    questions = tmp_path / "questions.yaml"
    questions.write_text(yaml.safe_dump(["Is it red?", "Does it face left?"]))

    def made(record=True, **sections):
        tree = {
            "name": "t",
            "data": {"source": "fieldguide"},
            "aspects": {"source": "file", "path": str(questions)},
            "study": {"arms": ["ce", "makd"], "seeds": [0, 1]},
        }
        for key, value in sections.items():
            tree[key] = value if "source" in value else {**tree.get(key, {}), **value}
        config = validate(tree)
        if record:
            run.refer_to_images("i").finish(
                "images", settings=settings_identity(config), digest="d", class_names=["a", "b"]
            )
            run.teacher.finish("teacher", asked=what_is_asked(config, run, {"digest": "d", "class_names": ["a", "b"]}))
        return config

    return made


def identities(config, run):
    return {str(spec): spec.identity for spec in list_students(config, run)}


def test_every_arm_with_every_seed_is_a_cell_of_its_own(make, run):
    specs = identities(make(), run)
    assert set(specs) == {"ce seed 0", "makd seed 0", "ce seed 1", "makd seed 1"}
    assert len(set(specs.values())) == 4


def test_where_it_runs_is_no_part_of_identity(make, run):
    elsewhere = make(cluster={"train_workers": 2, "lanes": 3}, extract={"actors": 7}, storage={"path": "elsewhere"})
    assert identities(elsewhere, run) == identities(make(), run)


@pytest.mark.parametrize(
    ("change", "ce_changes"),
    [
        ({"train": {"lr": 0.5}}, True),
        ({"student": {"image_size": 32}}, True),
        ({"train": {"alpha": 9}}, False),  # the baseline has no aspect term
    ],
)
def test_what_decides_an_arm_is_part_of_its_identity(make, run, change, ce_changes):
    before, after = identities(make(), run), identities(make(**change), run)
    assert after["makd seed 0"] != before["makd seed 0"]
    assert (after["ce seed 0"] != before["ce seed 0"]) == ce_changes


def test_an_orientation_flag_changes_what_is_taught_and_not_what_is_asked(make, run, tmp_path):
    before, asked = identities(make(), run), run.teacher.record()["asked"]
    flagged = ["Is it red?", {"question": "Does it face left?", "orientation_sensitive": True}]
    (tmp_path / "questions.yaml").write_text(yaml.safe_dump(flagged))
    after = identities(make(), run)
    assert run.teacher.record()["asked"] == asked
    assert after["makd seed 0"] != before["makd seed 0"]
    assert after["ce seed 0"] == before["ce seed 0"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": {"species_seed": 7}}, "made for another configuration: run `mmkd images CONFIG` first"),
        (
            {"teacher": {"prompt": "{question}?"}},
            r"teacher.prompt was '{question} The.* is '{question}\?'; run `mmkd ext",
        ),
        ({"teacher": {"tokens": "all_variants"}}, "teacher.tokens was 'canonical' and is 'all_variants'"),
        ({"aspects": {"source": "fieldguide"}}, "has no answers to 52 of the questions, e.g. 'Does the"),
    ],
)
def test_artifacts_of_another_configuration_are_refused(make, run, change, message):
    make()
    with pytest.raises(ArtifactError, match=message):
        list_students(make(record=False, **change), run)


def test_a_table_with_more_questions_in_another_order_teaches_the_same(make, run, tmp_path):
    before = identities(make(), run)
    record = run.teacher.record()
    record["asked"]["questions"] = ["Is it big?", *record["asked"]["questions"][::-1]]
    run.teacher.finish("another", **{key: value for key, value in record.items() if key != "fingerprint"})
    assert identities(make(record=False), run) == before


def test_untrained_and_stale_students_are_refused(make, run):
    config = make()
    with pytest.raises(ArtifactError, match=r"ce-seed0-\w{10} is not finished: run `mmkd train CONFIG` first"):
        trained_students(config, run)
    for spec in list_students(config, run):
        spec.folder(run).finish(spec.identity)
    assert len(trained_students(config, run)) == 4
    with pytest.raises(ArtifactError, match="run `mmkd evaluate CONFIG` first"):
        read_evaluation(config, run)
    with pytest.raises(ArtifactError, match="is not finished: run `mmkd train CONFIG` first"):
        trained_students(make(train={"lr": 0.5}), run)


def larger(config, run):
    return larger_students(list_students(config, run))


KD = {"arms": ["ce", "kd", "makd"], "seeds": [0, 1], "kd_teacher": {"model": "resnet50"}}


def test_a_larger_student_is_one_cell_and_decides_its_pupils(make, run):
    config = make(study=KD)
    (teacher,) = larger(config, run)
    assert (teacher.arm, teacher.seed, teacher.config.student.model) == ("ce", 0, "resnet50")
    other = make(study={**KD, "kd_teacher": {"model": "resnet34"}})
    before, after = identities(config, run), identities(other, run)
    assert {name for name in before if before[name] != after[name]} == {"kd seed 0", "kd seed 1"}
    assert larger(make(), run) == []


def test_keys_of_distillation_decide_only_the_arms_that_distil(make, run):
    before, after = identities(make(study=KD), run), identities(make(study=KD, train={"kd_temperature": 2.0}), run)
    assert {name for name in before if before[name] != after[name]} == {"kd seed 0", "kd seed 1"}


def test_variants_share_the_students_that_do_not_differ(make, run):
    config = make(study={"variants": {"a": {"train.alpha": 1}, "b": {"train.alpha": 2}, "c": {"train.lr": 0.5}}})
    specs = list_students(config, run)
    assert len(specs) == 12
    assert len(distinct(specs)) == 10  # ce of a and b, for each of two seeds
    assert [str(spec) for spec in specs[:2]] == ["a ce seed 0", "a makd seed 0"]
    assert len({spec.folder(run).uri for spec in specs}) == 10


def test_the_content_of_a_file_of_weights_decides_and_not_its_place(make, run, tmp_path):
    for name, content in (("one", b"w"), ("two", b"w"), ("three", b"v")):
        (tmp_path / name).write_bytes(content)
    one, two, three = (
        identities(make(student={"pretrained": str(tmp_path / n)}), run) for n in ("one", "two", "three")
    )
    assert one == two != three
