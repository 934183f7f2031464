import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmkd_ray import fieldguide
from mmkd_ray.aspects.wording import content_words, in_mirror, near_duplicates, normal, similarity
from mmkd_ray.config import QuestionRules

DEFAULT = QuestionRules().duplicate_above
TEXTS = [question.text for question in fieldguide.QUESTIONS]
WORDS = st.lists(st.sampled_from(["bird", "beak", "head", "black", "white", "than", "left", "without"]), max_size=8)


def same(first: str, second: str) -> bool:
    return near_duplicates([first, second], above=DEFAULT) == {1: 0}


def asked_before(wording: str) -> int | None:
    """The question of the field guide that is asked by these words."""
    return near_duplicates([*TEXTS, wording], above=DEFAULT, since=len(TEXTS)).get(len(TEXTS))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Is it  RED ?", "is it red"),
        ("Is the bird's head red?", "is the birds head red"),
        ("Is the bird\N{RIGHT SINGLE QUOTATION MARK}s head red?", "is the birds head red"),
        ("Cafe\N{COMBINING ACUTE ACCENT}-coloured?", "café coloured"),
        ("\N{FULLWIDTH LATIN CAPITAL LETTER I}s it \N{LATIN SMALL LIGATURE FI}ne?", "is it fine"),
        ("Straße", "strasse"),
        ("?!", ""),
    ],
)
def test_normal_texts_are_equal_for_the_same_words(text, expected):
    assert normal(text) == expected


@settings(deadline=None)
@given(st.text())
def test_a_normal_text_does_not_change(text):
    assert normal(normal(text)) == normal(text)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Does the bird have a long beak?", "Is this a bird with a long beak?"),
        ("Does the bird have a long beak?", "Can you see a long beak on the bird?"),
        ("Is this a bird with a long beak?", "Can you see a long beak on the bird?"),
        ("Does the bird have long legs?", "Is the bird's leg long?"),
        ("Is the belly striped?", "Are there stripes on the belly?"),
        ("Is the bird flying?", "Would you say that it's a bird that flies?"),
        ("Isn't the bird red?", "Is the bird red?"),
        ("Is the beak longer than the head?", "Has it got a beak that is longer than its head?"),
        ("Is the head of the bird larger than its tail?", "Does the bird have a head larger than its tail?"),
        ("Is its head black and its belly white?", "Does it have a black head and a white belly?"),
    ],
)
def test_the_same_question_in_other_words(first, second):
    assert same(first, second)
    assert same(second, first)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Does the bird have a long beak?", "Does the bird have a short beak?"),
        ("Does the bird have a long beak?", "Does the bird have a long tail?"),
        ("Is the bird facing left?", "Is the bird facing right?"),
        ("Is the head larger than the tail?", "Is the tail larger than the head?"),
        ("Is the head clearly larger than the tail?", "Is the tail larger than the head?"),
        ("Is the red spot above the eye?", "Is the eye above the red spot?"),
        ("Is this a bird with a crest?", "Is this a bird without a crest?"),
        ("Is the bird on the ground?", "Is the bird not on the ground?"),
        ("Does it have a black head and a white belly?", "Does it have a white head and a black belly?"),
        ("Is the head black and the belly white?", "Is the head white and the belly black?"),
    ],
)
def test_another_question_in_the_same_words(first, second):
    assert not same(first, second)
    assert not same(second, first)


@pytest.mark.parametrize(("one", "other"), [("left", "right"), ("with", "without"), ("above", "below")])
def test_a_decisive_word_counts_even_in_a_long_question(one, other):
    long = f"Is the small brown bird with a curved orange beak and striped wings {one} the tall white flowers?"
    assert near_duplicates([*TEXTS, long, long.replace(f"{one} the tall", f"{other} the tall")], above=DEFAULT) == {}


def test_no_two_questions_of_the_field_guide_are_duplicates():
    assert len(TEXTS) == 52
    assert near_duplicates(TEXTS, above=DEFAULT) == {}


def test_paraphrases_with_the_same_words_are_recognised():
    """The first half of the paraphrases has the words of the question itself, the others have other words for them."""
    wordings = [(place, wording) for place, q in enumerate(fieldguide.QUESTIONS) for wording in q.paraphrases[:4]]
    found = [asked_before(wording) for _, wording in wordings]
    assert len(found) == 208
    assert found == [place for place, _ in wordings]


def test_a_paraphrase_is_never_matched_to_another_question():
    for place, question in enumerate(fieldguide.QUESTIONS):
        for wording in question.paraphrases[4:]:
            assert asked_before(wording) in (place, None), wording


def test_duplicates_point_to_the_first_question_that_is_kept():
    questions = ["Is it red?", "Is it blue?", "Is this red?", "Can you see that it is red?", "Is this blue?"]
    assert near_duplicates(questions, above=DEFAULT) == {2: 0, 3: 0, 4: 1}
    assert near_duplicates(questions, above=DEFAULT, since=3) == {3: 0, 4: 1}


def test_rare_words_count_more():
    first, second = content_words("Is the bird a red bird?"), content_words("Is the bird a blue bird?")
    light = {"bird": 0.1, "red": 1.0, "blue": 1.0}
    assert similarity(first, second) == pytest.approx(2 / 4)
    assert similarity(first, second, light) == pytest.approx(0.2 / 2.2)


@settings(deadline=None)
@given(WORDS, WORDS, st.sampled_from([None, {"bird": 0.1, "beak": 2.5, "head": 1.7}]))
def test_similarity_is_symmetric_and_between_0_and_1(first, second, weights):
    forth, back = similarity(first, second, weights), similarity(second, first, weights)
    assert math.isclose(forth, back)
    assert 0 <= forth <= 1


@settings(deadline=None)
@given(WORDS.filter(bool))
def test_a_question_has_similarity_1_with_itself(words):
    assert similarity(words, words) == 1


@pytest.mark.parametrize(
    ("words", "stem"),
    [
        ("beak beaks", "beak"),
        ("stripe stripes striped", "strip"),
        ("spot spots spotted", "spot"),
        ("body bodies", "body"),
        ("fly flies flying", "fly"),
        ("wing wings winged", "wing"),
        ("eye eyes", "eye"),
        ("grass", "grass"),
        ("red", "red"),
        ("above", "above"),
    ],
)
def test_forms_of_a_word_have_one_stem(words, stem):
    assert {content_words(word) for word in words.split()} == {(stem,)}


def test_a_question_of_stop_words_keeps_them():
    assert content_words("Is it there?") == ("is", "it", "there")


@pytest.mark.parametrize(
    ("question", "mirrored"),
    [
        ("Is the bird facing left?", "Is the bird facing right?"),
        ("Is it on the right of the LEFT rock?", "Is it on the left of the RIGHT rock?"),
        ("Left of the tree, is there a rock?", "Right of the tree, is there a rock?"),
        ("Does it look leftwards, at the rightmost tree?", "Does it look rightwards, at the leftmost tree?"),
        ("Is it left-facing?", "Is it right-facing?"),
        ("Is it upright, on a bright copyright sign?", None),
        ("Is it red?", None),
    ],
)
def test_left_and_right_are_exchanged(question, mirrored):
    assert in_mirror(question) == mirrored
    if mirrored:
        assert in_mirror(mirrored) == question


def test_the_mirror_questions_of_the_field_guide_are_found():
    assert [in_mirror(question.text) for question in fieldguide.QUESTIONS] == [q.mirror for q in fieldguide.QUESTIONS]
