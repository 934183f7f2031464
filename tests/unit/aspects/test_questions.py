import pytest

from mmkd_ray.artifacts import open_run
from mmkd_ray.aspects.file import new_file
from mmkd_ray.aspects.questions import FILE, Aspect, Origin, load_aspects, selection_settings
from mmkd_ray.config import validate
from mmkd_ray.errors import ArtifactError, AspectError, ConfigError


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


def test_an_id_depends_only_on_the_text():
    assert Aspect("Is it red?").id == Aspect("Is it red?", orientation_sensitive=True).id
    assert Aspect("Is it red?").id != Aspect("Is it blue?").id


def test_the_field_guides_questions_can_be_those_about_some_topics():
    plumage, scene = (
        load(source="fieldguide", topics=["shape", "colour", "marking"]),
        load(source="fieldguide", topics=["scene"]),
    )
    assert len(scene) == 18
    assert "Is there the sea in the picture?" in {aspect.question for aspect in scene}
    assert set(plumage) | set(scene) == set(load(source="fieldguide"))
    assert not set(plumage) & set(scene)


def test_count_takes_the_first(tmp_path):
    assert from_text(tmp_path, "- Is it red?\n- Is it blue?\n", count=1)[0].question == "Is it red?"


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        ("[]", {}, "expected a list of questions"),
        ("a: 1", {}, "expected a list of questions"),
        ("- It is red", {}, "must end with '\\?'"),
        ("- Is it red?\n- is it  RED?", {}, "is a duplicate"),
        ("- {text: 'Is it red?'}", {}, "expected a text, or a mapping"),
        ("- Is it red?", {"count": 2}, "aspects.count is 2, but .* has 1 questions"),
        ("- {question: 'Is it red?', rank: first}", {}, "rank .NUMBER"),
        ("- {question: 'Is it red?', weight: 0}", {}, "every question has the weight 0, so that none would be taught"),
        ("- {question: 'Is it red?', weight: -1}", {}, "the weight of 'Is it red\\?' is -1; it must not be negative"),
        ("- {question: 'Is it red?', mirror: 'Is it blue?'}", {}, "has a mirror but is not marked"),
        ("- {question: }", {}, "expected a text, or a mapping"),
        ("- '?'", {}, "'\\?' is not a question"),
        (
            "- Is it red: yes or no?",
            {},
            'got {"Is it red": "yes or no\\?"}; a question with a colon is written in quotes',
        ),
        ("- {question: 'Is it red?', weight: true}", {}, "weight .NUMBER"),
        ("- {question: 'Is it red?', rank: false}", {}, "rank .NUMBER"),
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


def test_questions_are_ordered_by_rank_and_those_without_come_last(tmp_path):
    text = (
        "- Is it first without a rank?\n"
        "- {question: 'Is it third?', rank: 3}\n"
        "- {question: 'Is it in between?', rank: 1.5}\n"
        "- {question: 'Is it second without a rank?', rank: }\n"
        "- {question: 'Is it first?', rank: 1}\n"
    )
    assert [aspect.question for aspect in from_text(tmp_path, text)] == [
        "Is it first?",
        "Is it in between?",
        "Is it third?",
        "Is it first without a rank?",
        "Is it second without a rank?",
    ]
    assert [aspect.question for aspect in from_text(tmp_path, text, count=1)] == ["Is it first?"]


def test_all_keys_of_a_question(tmp_path):
    text = (
        "- {question: ' Does it face left? ', orientation_sensitive: true, mirror: 'Does it face right?',\n"
        "   weight: 0.5, paraphrase: 'Is it facing left?', source: llm, model: m, prompt: p, id: of-another-text}\n"
    )
    (aspect,) = from_text(tmp_path, text)
    assert aspect == Aspect(
        "Does it face left?", True, "Does it face right?", 0.5, "Is it facing left?", Origin("llm", "m", "p")
    )
    assert aspect.id == Aspect("Does it face left?").id


def test_keys_may_be_left_empty(tmp_path):
    keys = ("id", "rank", "orientation_sensitive", "mirror", "weight", "paraphrase", "source", "model", "prompt")
    text = "- question: Is it red?\n" + "".join(f"  {key}:\n" for key in keys)
    assert from_text(tmp_path, text) == (Aspect("Is it red?", origin=Origin("file")),)


def by_llm(**aspects):
    llm = {"kind": "openai", "model": "owl"} | aspects.pop("llm", {})
    tree = {"source": "llm", "llm": llm, "candidates": 4, "count": 2} | aspects
    return validate({"name": "t", "data": {"source": "fieldguide"}, "aspects": tree})


SELECTED = (Aspect("Is it red?", origin=Origin("llm", "owl", "p")), Aspect("Is it blue?"), Aspect("Is it green?"))


def selected(run, config, text=None):
    run.aspects.write_bytes(FILE, (text or new_file(SELECTED, "Selected.")).encode())
    run.aspects.finish("any", settings=selection_settings(config))


def test_selected_questions_are_used_by_the_run(run):
    config = by_llm()
    selected(run, config)
    assert [aspect.question for aspect in load_aspects(config, run)] == ["Is it red?", "Is it blue?"]
    assert load_aspects(config, run)[0] == SELECTED[0]


def test_selected_questions_may_be_edited(run):
    config = by_llm()
    selected(run, config, "# mine\n- Is it large?\n- {question: 'Is it small?', rank: 1}\n")
    assert [aspect.question for aspect in load_aspects(config, run)] == ["Is it small?", "Is it large?"]


def test_questions_that_are_not_selected_yet_name_the_command(run):
    with pytest.raises(ArtifactError, match="run `mmkd aspects CONFIG` first"):
        load_aspects(by_llm(), run)


@pytest.mark.parametrize(
    "other",
    [{"count": 3}, {"description": "Birds."}, {"llm": {"model": "raven"}}, {"rules": {"max_characters": 80}}],
)
def test_questions_selected_with_other_settings_are_not_used(run, other):
    selected(run, by_llm())
    with pytest.raises(ArtifactError, match=r"another configuration: run `mmkd aspects CONFIG` first"):
        load_aspects(by_llm(**other), run)


def test_address_and_speed_of_the_llm_do_not_matter(run):
    selected(run, by_llm())
    elsewhere = {"base_url": "http://localhost:1/v1", "timeout_s": 5.0, "requests_per_minute": 3, "api_key_env": "K"}
    assert len(load_aspects(by_llm(llm=elsewhere), run)) == 2


def test_an_order_by_evidence_is_the_same_for_every_count(run):
    def by_evidence(**settings):
        tree = {"name": "t", "data": {"source": "fieldguide"}, "pilot": settings.pop("pilot", {})}
        return validate({**tree, "aspects": {"source": "fieldguide", "select": "mrmr", **settings}})

    selected(run, by_evidence(count=1))
    assert len(load_aspects(by_evidence(count=1), run)) == 1
    assert len(load_aspects(by_evidence(count=3), run)) == 3
    assert len(load_aspects(by_evidence(), run)) == 3
    with pytest.raises(ArtifactError, match="another configuration"):
        load_aspects(by_evidence(pilot={"images": 100}), run)


@pytest.mark.parametrize("broken", ["- Is it red?\n -: [", "- \x07"])
def test_a_file_with_errors_is_named(run, broken):
    config = by_llm()
    selected(run, config, broken)
    with pytest.raises(ConfigError, match=r"aspects/aspects.yaml:.* not valid YAML"):
        load_aspects(config, run)


def test_too_few_questions_are_an_error(run):
    config = by_llm()
    selected(run, config, "- Is it red?\n")
    with pytest.raises(AspectError, match=r"aspects.count is 2, but .*aspects.yaml has 1 questions"):
        load_aspects(config, run)


@pytest.mark.parametrize("weight", [".nan", ".inf", "1e400"])
def test_no_weight_is_infinite(tmp_path, weight):
    with pytest.raises(ConfigError, match=r"questions.yaml: entry 1.weight: got .*must be finite"):
        from_text(tmp_path, f"- {{question: 'Is it red?', weight: {weight}}}")


@pytest.mark.parametrize("question", ["鳥は赤いですか\uff1f", "هل الطائر أحمر؟", "Is it red\ufe56", "Is it red?"])
def test_question_marks_of_other_scripts_are_question_marks(tmp_path, question):
    assert from_text(tmp_path, f"- '{question}'")[0].question == question


def test_a_home_folder_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "q.yaml").write_text("- Is it red?")
    assert load(source="file", path="~/q.yaml")[0].question == "Is it red?"
