import pytest
import yaml

from mmkd_ray.aspects.file import new_file, reranked
from mmkd_ray.aspects.questions import Aspect, Origin, parse_aspects
from mmkd_ray.config import load_yaml

LLM = Origin("llm", "some/model", "0123456701234567")
ASPECTS = [
    Aspect("Is it red?", origin=LLM),
    Aspect("Does it face left?", True, "Does it face right?", paraphrase="Is it facing left?", origin=LLM),
    Aspect("Is there a sign: \"# Stop\" (not 'Go') - or {one} like it?", weight=0.5, origin=LLM),
    Aspect("¿El pájaro es más grande que " + "muy " * 40 + "grande?", origin=Origin("file")),
]


def parsed(text):
    return parse_aspects(yaml.safe_load(text), "aspects.yaml")


def test_a_written_file_is_read_back():
    text = new_file(ASPECTS, "Selected by a test.")
    assert parsed(text) == tuple(ASPECTS)
    assert text.startswith("# Selected by a test.\n# The questions that the teacher is asked")
    assert [entry["rank"] for entry in yaml.safe_load(text)] == [1, 2, 3, 4]
    assert [entry["id"] for entry in yaml.safe_load(text)] == [aspect.id for aspect in ASPECTS]


def test_an_entry_is_easy_to_read():
    entry = new_file(ASPECTS[:2], "x").split("\n- ")[2]
    assert entry.split("\n  ") == [
        "question: Does it face left?",
        f"id: {ASPECTS[1].id}",
        "rank: 2",
        "orientation_sensitive: true",
        "mirror: Does it face right?",
        "paraphrase: Is it facing left?",
        "source: llm",
        "model: 'some/model'",
        "prompt: '0123456701234567'\n",
    ]


@pytest.mark.parametrize(
    "word", ["yes", "null", "1e5", "0x1f", "0o17", "017", "12:30", "1_000", "2026-01-01", "~", "true"]
)
def test_words_that_yaml_could_read_as_other_types(word, tmp_path):
    aspects = (Aspect("Is it red?", origin=Origin("llm", word, word)),)
    path = tmp_path / "aspects.yaml"
    path.write_text(new_file(aspects, "x"))
    assert parsed(path.read_text()) == aspects
    assert parse_aspects(load_yaml(path), "aspects.yaml") == aspects


EDITED = """\
# Ours.
# Not to be asked at night.

- question: Is it red?   # important
  id: 0123456789ab
  # the teacher is good at this
  rank: 1
  orientation_sensitive: false
  source: llm

# These two are from Anna.
- Is it blue?  # Anna's

# Of last year.
- orientation_sensitive: true
  mirror: 'Does it face right?'
  question: "Does it face left?"   # quoted
# The end.
"""


def test_edits_are_kept_when_ranks_change():
    aspects = parsed(EDITED)
    text = reranked(EDITED, aspects[::-1])
    for words in (
        "# Ours.\n# Not to be asked at night.\n",
        "question: Is it red?   # important\n",
        "# the teacher is good at this\n",
        "\n# These two are from Anna.\n",
        "question: Is it blue? # Anna's\n\n# Of last year.\n- ",
        "mirror: 'Does it face right?'\n",
        'question: "Does it face left?"   # quoted\n',
        "# The end.\n",
    ):
        assert words in text
    entries = yaml.safe_load(text)
    assert [entry["question"] for entry in entries] == ["Is it red?", "Is it blue?", "Does it face left?"]
    assert [entry["rank"] for entry in entries] == [3, 2, 1]
    assert [entry["id"] for entry in entries] == [aspect.id for aspect in aspects]
    assert parsed(text) == aspects[::-1]
    assert entries[0]["source"] == "llm"


def test_ranking_again_in_the_same_order_changes_nothing():
    aspects = parsed(EDITED)
    once = reranked(EDITED, aspects[::-1])
    assert reranked(once, aspects[::-1]) == once
    new = new_file(ASPECTS, "x")
    assert reranked(new, ASPECTS) == new


def test_questions_are_matched_regardless_of_case_and_spaces():
    text = reranked("- is it   red?\n- {question: 'Is it BLUE?'}\n", [Aspect("Is it blue?"), Aspect("Is it red?")])
    assert [entry["rank"] for entry in yaml.safe_load(text)] == [2, 1]


def test_a_heading_stays_above_its_entries():
    text = "# Colours\n- question: Is it red?\n\n# Places\n- question: Is it at sea?\n"
    again = reranked(text, [Aspect("Is it at sea?"), Aspect("Is it red?")])
    assert again.startswith("# Colours\n- rank: 2\n")
    assert "question: Is it red?\n\n# Places\n- rank: 1\n" in again


def test_an_edited_question_gets_a_new_id_and_keeps_its_other_keys():
    text = new_file(ASPECTS, "x").replace("Does it face left?", "Does it look left?")
    edited = parsed(text)[1]
    assert edited.question == "Does it look left?"
    assert edited.id == Aspect("Does it look left?").id != ASPECTS[1].id
    assert (edited.mirror, edited.origin) == (ASPECTS[1].mirror, LLM)
    assert f"id: {edited.id}" in reranked(text, parsed(text))
    assert ASPECTS[1].id not in reranked(text, parsed(text))


def test_questions_added_by_hand_come_last():
    text = "- Is it mine?\n" + new_file(ASPECTS[:2], "x") + "- question: Is it also mine?\n"
    assert [aspect.question for aspect in parsed(text)] == [
        "Is it red?",
        "Does it face left?",
        "Is it mine?",
        "Is it also mine?",
    ]
    assert parsed(text)[2].origin == Origin("file")
