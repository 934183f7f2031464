import dataclasses
import json
import os
import subprocess
import sys

import pytest

from mmkd_ray.config import OpenAiLlm, StudentConfig, StudyConfig, TrainConfig, TuneConfig, VllmTeacher
from mmkd_ray.config.aspects import LlmAspects, QuestionRules
from mmkd_ray.identity import Identity, changes, defaults, fingerprint, identify, settings
from tests.support.identities import GOLDEN, REPOSITORY, all_identities, identities


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch):
    monkeypatch.chdir(REPOSITORY)


def test_a_fingerprint_depends_on_values_and_not_on_order():
    assert fingerprint(a=1, b={"x": 2, "y": 3}) == fingerprint(b={"y": 3, "x": 2}, a=1)
    assert fingerprint(a=1) != fingerprint(a=2)


def test_defaults_are_left_out_and_the_kind_of_a_section_stays():
    assert settings(TrainConfig()) == {}
    assert settings(TrainConfig(lr=0.1, step_epochs=(1, 2))) == {"lr": 0.1, "step_epochs": [1, 2]}
    assert settings(VllmTeacher(dtype="float32")) == {"kind": "vllm", "dtype": "float32"}


def test_a_nested_section_is_compared_with_its_own_defaults():
    llm = OpenAiLlm(kind="openai", model="owl")
    taken = {"source": "llm", "llm": {"kind": "openai", "model": "owl"}}
    assert settings(LlmAspects(source="llm", llm=llm)) == taken
    strict = LlmAspects(source="llm", llm=llm, rules=QuestionRules(max_characters=80))
    assert settings(strict) == taken | {"rules": {"max_characters": 80}}
    assert settings(StudyConfig(kd_teacher=StudentConfig())) == {"kd_teacher": {}}  # one is named, all of it as usual


def test_a_section_within_a_mapping_is_plain_too():
    space = {"train.lr": {"uniform": [0.1, 0.2]}}
    assert settings(TuneConfig.model_validate_json(json.dumps({"space": space}))) == {"space": space}


def test_minus_nothing_is_nothing():
    assert str(settings(TrainConfig(alpha=-0.0))) == str(settings(TrainConfig(alpha=0.0)))


def test_keys_are_taken_or_left_by_name():
    config = TrainConfig(lr=0.1, alpha=9)
    assert settings(config, include={"alpha", "flip"}) == {"alpha": 9.0}
    assert settings(config, exclude={"alpha", "no key of this section"}) == {"lr": 0.1}


def test_what_a_record_gives_back_is_the_same_identity():
    identity = identify("teacher", kind="vllm", processor_args={"max_patches": [1, 2.5, None]})
    again = Identity.from_dict(json.loads(json.dumps(identity.as_dict())))
    assert again == identity
    assert again.key == identity.key
    assert len(identity.key) == 16


@pytest.mark.parametrize("value", [(1, 2), float("nan"), {1: "x"}, object(), {"deep": [{1}]}])
def test_a_fact_must_be_a_plain_value(value):
    with pytest.raises(TypeError, match="facts of a student must be plain JSON values"):
        identify("student", train=value)


def test_another_kind_or_version_is_another_key():
    identity = identify("student", seed=0)
    assert identity.key != identify("study", seed=0).key
    assert identity.key != dataclasses.replace(identity, version=identity.version + 1).key


def test_changes_name_a_default_that_was_left_out():
    before, now = identify("search", **{"train.lr": 0.1}), identify("search", **{"train.optimizer": "adamw"})
    assert changes(before, now, standard=defaults(TrainConfig, "train.")) == [
        "train.lr was 0.1 and is 0.01",
        "train.optimizer was 'sgd' and is 'adamw'",
    ]
    assert changes(now, now) == []
    assert changes(now.with_facts(lr=0.01), now, standard={"lr": 0.01}) == []
    older = dataclasses.replace(now, version=0)
    assert changes(older, now) == ["the meaning of a default of the search has changed with the version of mmkd_ray"]


def test_no_identity_has_moved():
    """If this fails, what users have is made again: is that meant? Then `python -m tests.support.identities`."""
    assert all_identities() == json.loads(GOLDEN.read_text())


WITH_ANOTHER_KEY = """
import importlib.util, json, sys

spec = importlib.util.spec_from_file_location("mmkd_ray.config.base", "mmkd_ray/config/base.py")
base = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(base)

class Section(base.Section):
    added: int = 7

base.Section = Section  # before any section is made of it
from mmkd_ray.config import Config, load
from tests.support.identities import all_identities

tree = load("configs/quickstart.yaml").model_dump()
sections = [section for section in tree.values() if isinstance(section, dict)]
assert len(sections) > 10 and all(section["added"] == 7 for section in sections)
print(json.dumps(all_identities()))
"""


def test_a_key_with_a_default_added_to_every_section_moves_no_identity():
    done = subprocess.run(
        [sys.executable, "-c", WITH_ANOTHER_KEY], check=True, capture_output=True, text=True, env=dict(os.environ)
    )
    assert json.loads(done.stdout) == json.loads(GOLDEN.read_text())


TEACHER = {"teacher", "teacher table"}
ALL = {"ce", "makd", "random", "shuffled", "class_mean", "label_smoothing", "zero_shot_kd", "kd", "dkd", "makd+kd"}
WITH_ASPECTS = {"makd", "random", "shuffled", "class_mean", "makd+kd"}
OF_ANSWERS = WITH_ASPECTS - {"random"} | {"zero_shot_kd"}
DISTILLED = {"kd", "dkd", "makd+kd"}


@pytest.mark.parametrize(
    ("change", "moved"),
    [
        ("extract={actors: 3, batch_size: 7, cpus_per_actor: 2, engine_args: {max_num_seqs: 9}}", set()),
        ("cluster={lanes: 3, train_workers: 2, feed: encoded}", set()),
        ("storage.path=elsewhere", set()),
        ("name=other", set()),
        ("pilot.images=7", set()),  # nothing is selected by evidence here
        ("extract.min_answer_mass=0.4", {"teacher table"}),
        ("evaluate.confidence=0.9", set()),
        ("train.lr=0.1", ALL),
        ("student.image_size=32", ALL),
        ("student.crop_pct=0.875", ALL),
        ("train.views=torchvision", ALL),
        ("train.alpha=1", WITH_ASPECTS),
        ("train.flip_targets=swap", WITH_ASPECTS),
        ("train.kd_weight=2", DISTILLED | {"zero_shot_kd"}),
        ("train.kd_temperature=2", DISTILLED),
        ("study.label_smoothing=0.2", {"label_smoothing"}),
        ('study.class_question="{class_name}?"', {"zero_shot_kd", "teacher table"}),
        ("study.kd_teacher={model: resnet50}", DISTILLED),
        ("teacher.prompt=Well? {question}", TEACHER | OF_ANSWERS),
        ("aspects.count=20", {"teacher table"} | ALL),
        ("data.val_per_class=9", {"image settings", "images"}),  # the tables here all have the same digest
    ],
)
def test_a_change_moves_what_it_decides_and_nothing_else(change, moved):
    before, after = (_by_part(identities("all arms", *overrides)) for overrides in ((), (change,)))
    changed = {part for part in before if before[part] != after[part]}
    assert changed - {"study", "predictions", "evaluation", "search"} == moved
    assert ("predictions" in changed) == ("ce" in moved)  # those of the first student are pinned
    assert ("study" in changed) == bool(moved & ALL)


def test_how_pictures_are_fitted_moves_the_students_and_not_the_images():
    before, after = (identities("own images", *more) for more in ((), ("data.fit=squash",)))
    moved = {part for part in before if before[part] != after[part]}
    assert moved == {"students", "study", "predictions", "evaluation", "search"}


def _by_part(found):
    students = {name.split(" seed")[0]: identity for name, identity in found.pop("students").items()}
    return {**found, **students}
