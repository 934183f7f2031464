import pytest

from mmkd_ray.artifacts import open_run
from mmkd_ray.aspects.questions import Aspect, load_aspects
from mmkd_ray.config import validate
from mmkd_ray.errors import AspectError, ConfigError


def load(**aspects):
    config = validate({"name": "t", "data": {"source": "fieldguide"}, "aspects": aspects})
    return load_aspects(config, open_run("/nowhere", "t"))


def from_text(tmp_path, text, **settings):
    path = tmp_path / "questions.yaml"
    path.write_text(text)
    return load(source="file", path=str(path), **settings)


def test_texts_and_mappings(tmp_path):
    aspects = from_text(tmp_path, "- Is it red?\n- question: Does it face left?\n  orientation_sensitive: true\n")
    assert [(aspect.question, aspect.orientation_sensitive) for aspect in aspects] == [
        ("Is it red?", False),
        ("Does it face left?", True),
    ]


def test_an_id_is_of_the_text_alone():
    assert Aspect("Is it red?").id == Aspect("Is it red?", orientation_sensitive=True).id
    assert Aspect("Is it red?").id != Aspect("Is it blue?").id


def test_count_takes_the_first(tmp_path):
    assert from_text(tmp_path, "- Is it red?\n- Is it blue?\n", count=1)[0].question == "Is it red?"


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        ("[]", {}, "expected a list of questions"),
        ("a: 1", {}, "expected a list of questions"),
        ("- It is red", {}, "must end with '\\?'"),
        ("- Is it red?\n- is it  RED?", {}, "stands twice"),
        ("- {text: 'Is it red?'}", {}, "expected a text or"),
        ("- Is it red?", {"count": 2}, "aspects.count is 2, but .* has 1 questions"),
    ],
)
def test_mistakes_are_explained(tmp_path, text, settings, message):
    with pytest.raises(AspectError, match=message):
        from_text(tmp_path, text, **settings)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        load(source="file", path=str(tmp_path / "none.yaml"))


def test_the_field_guide_knows_its_mirror_questions():
    aspects = load(source="fieldguide")
    sensitive = [aspect.question for aspect in aspects if aspect.orientation_sensitive]
    assert sensitive
    assert all("left" in question or "right" in question for question in sensitive)
