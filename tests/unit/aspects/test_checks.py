import pytest

from mmkd_ray.aspects.checks import QuestionFilter, Rejected, readable_name, rejection_reason
from mmkd_ray.config import QuestionRules
from mmkd_ray.fieldguide import QUESTIONS

CLASSES = ["001.Black_footed_Albatross", "Puppy", "house-sparrow", "Finch", "sea lion"]


@pytest.mark.parametrize(
    "question",
    [
        "Is the bird red?",
        "Are there stripes on the wings?",
        "Isn't the beak hooked?",
        "Isn\N{RIGHT SINGLE QUOTATION MARK}t the beak hooked?",
        "In this image, does the bird have a crest?",
        "Do these animals have stripes?",
        "Would you say the bird is flying?",
        "Can you see a long beak on the bird?",
        "Has the bird got a red or an orange beak?",
        "Is the albatross-like beak hooked?",
    ],
)
def test_acceptable_questions(question):
    assert rejection_reason(question, QuestionRules(), CLASSES) is None


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.id)
def test_all_questions_of_the_field_guide_are_acceptable(question):
    for wording in (question.text, *question.paraphrases):
        assert rejection_reason(wording, QuestionRules(), CLASSES) is None


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("The bird is red", "does not end with '?'"),
        ("What colour is the bird?", "cannot be answered by Yes or No"),
        ("How many legs does it have?", "cannot be answered by Yes or No"),
        ("Islands in the background?", "cannot be answered by Yes or No"),
        ("Would you like me to generate more questions?", "addressed to the reader"),
        ("Do you want more?", "addressed to the reader"),
        ("Shall I go on with the list?", "addressed to the reader"),
        ("Is there anything else that I can do?", "addressed to the reader"),
        ("Do these questions meet your needs?", "addressed to the reader"),
        ("Is it?", "not a whole question"),
        ("Is the bird " + "very " * 40 + "red?", "longer than 160 characters (aspects.rules.max_characters)"),
        ("Is this a black-footed albatross?", "names a class: '001.Black_footed_Albatross'"),
        ("Are these Black Footed Albatrosses?", "names a class: '001.Black_footed_Albatross'"),
        ("Does it look like a house sparrow?", "names a class: 'house-sparrow'"),
        ("Are there puppies in the picture?", "names a class: 'Puppy'"),
        ("Does it sing as finches do?", "names a class: 'Finch'"),
    ],
)
def test_the_reason_of_a_rejection(question, reason):
    assert reason in (rejection_reason(question, QuestionRules(), CLASSES) or "")


def test_rules_can_be_changed():
    assert rejection_reason("Is this a sea lion?", QuestionRules(allow_class_names=True), CLASSES) is None
    assert rejection_reason("Is it red or blue?", QuestionRules(max_characters=17), CLASSES)
    assert rejection_reason("Is it red or blue?", QuestionRules(max_characters=18), CLASSES) is None


def test_class_names_are_matched_as_whole_words():
    assert rejection_reason("Is this a searing lionfish?", QuestionRules(), CLASSES) is None
    assert rejection_reason("Is it a finchlike bird?", QuestionRules(), CLASSES) is None


def test_rejected_questions_are_kept_with_their_reasons():
    found = QuestionFilter(QuestionRules(), CLASSES)
    found.add(["Is it red?", "What is it?", "is it  RED?"])
    found.add(["Can you see that it is red?", "Is it blue?"])
    assert found.accepted == ["Is it red?", "Is it blue?"]
    assert found.rejected == [
        Rejected("What is it?", "cannot be answered by Yes or No"),
        Rejected("is it  RED?", "is a duplicate"),
        Rejected("Can you see that it is red?", "says the same as another: 'Is it red?'"),
    ]


def test_the_similarity_of_duplicates_can_be_changed():
    wordings = ["Does the bird have a long beak?", "Is this a bird with a long beak?"]
    strict, lenient = QuestionFilter(QuestionRules(), []), QuestionFilter(QuestionRules(duplicate_above=0.2), [])
    strict.add([wordings[0], "Does the bird have a long tail?"])
    lenient.add([wordings[0], "Does the bird have a long tail?"])
    assert len(strict.accepted) == 2
    assert len(lenient.accepted) == 1


@pytest.mark.parametrize(
    ("name", "readable"),
    [("001.Black_footed_Albatross", "Black footed Albatross"), ("3_wheeler", "wheeler"), ("owl", "owl"), ("7", "7")],
)
def test_readable_class_names(name, readable):
    assert readable_name(name) == readable
