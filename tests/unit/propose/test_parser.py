"""What language models really write, and the questions in it."""

import json
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmkd_ray.propose.parser import parse_questions

RED, LONG = "Is the bird's head red?", "Does it have a long beak?"

WRITTEN = {
    "numbers": """
        1. Is the bird's head red?
        2. Does it have a long beak?
    """,
    "numbers in brackets": """
        (1) Is the bird's head red?
        2) Does it have a long beak?
    """,
    "numbers and a colon": """
        1: Is the bird's head red?
        [2]: Does it have a long beak?
    """,
    "numbers and a dash": """
        1 - Is the bird's head red?
        2 \N{EN DASH} Does it have a long beak?
    """,
    "numbers alone": """
        1 Is the bird's head red?
        2 Does it have a long beak?
    """,
    "escaped numbers": r"""
        1\. Is the bird's head red?
        2\. Does it have a long beak?
    """,
    "keycaps": """
        1️⃣ Is the bird's head red?
        2️⃣ Does it have a long beak?
    """,
    "letters and roman numbers": """
        a) Is the bird's head red?
        ii. Does it have a long beak?
    """,
    "bullets": """
        - Is the bird's head red?
        • Does it have a long beak?
    """,
    "check boxes": """
        - [ ] Is the bird's head red?
        - [x] Does it have a long beak?
    """,
    "emoji": """
        ✅ Is the bird's head red?
        👉 Does it have a long beak?
    """,
    "named questions": """
        Q1: Is the bird's head red?
        **Question 2:** Does it have a long beak?
    """,
    "bold": """
        1. **Is the bird's head red?**
        2. **Does it have a *long* beak**?
    """,
    "headings": """
        ### Colours
        #### Is the bird's head red?
        ### Shapes: what to look at
        > Does it have a `long` beak?
    """,
    "topics before": """
        1. **Colour**: Is the bird's head red?
        2. **Beak:** Does it have a long beak?
    """,
    "topics in statements": """
        Colour. Is the bird's head red?
        This is about the beak; Does it have a long beak?
    """,
    "answers after": """
        1. Is the bird's head red? (Yes/No)
        2. Does it have a long beak? - Yes or no.
    """,
    "straight quotes": """
        1. "Is the bird's head red?"
        2. "Does it have a long beak"?
    """,
    "round quotes": """
        “Is the bird's head red?”
        \N{LEFT SINGLE QUOTATION MARK}Does it have a long beak\N{RIGHT SINGLE QUOTATION MARK}?
    """,
    "a table": """
        | # | Question | Aspect |
        |---|:---------|--------|
        | 1 | Is the bird's head red? | colour |
        | 2 | Does it have a long beak? | shape |
    """,
    "CSV": """
        id,question
        1,"Is the bird's head red?"
        2,"Does it have a long beak?"
    """,
    "HTML": """
        <ol><li>Is the bird's head red?</li><li>Does it have a long beak?</li></ol>
    """,
    "a fence without JSON": """
        ```text
        Is the bird's head red?
        Does it have a long beak?
        ```
    """,
    "two in a line": """
        Is the bird's head red? Does it have a long beak?
    """,
    "two numbers in a line": """
        1. Is the bird's head red? 2. Does it have a long beak?
    """,
    "two in a line with answers": """
        Q: Is the bird's head red? A: Yes. Q: Does it have a long beak? A: No.
    """,
    "two in a line, yes or no": """
        Is the bird's head red? (Yes/No) Does it have a long beak? (Yes/No)
    """,
    "small letters": """
        - is the bird's head red?
        - does it have a long beak?
    """,
    "chatter in the line": """
        Sure! Here you are: Is the bird's head red?
        And another one. Does it have a long beak?
    """,
    "chatter around": """
        Certainly! Based on the class list, here are 2 yes-or-no questions:

        1. Is the bird's head red?
        2. Does it have a long beak?

        These questions cover colour and shape. Let me know if that helps!
    """,
    "repeated": """
        1. Is the bird's head red?
        2. Does it have a long beak?
        3. Is the bird's head red?
    """,
    "cut off": """
        1. Is the bird's head red?
        2. Does it have a long beak?
        3. Is there a white ring aro
    """,
    "several question marks": """
        Is the bird's head red???
        Does it have a long beak?!
    """,
    "full-width question marks": """
        1. Is the bird's head red\N{FULLWIDTH QUESTION MARK}
        2. Does it have a long beak\N{FULLWIDTH QUESTION MARK}
    """,
    "JSON": """
        {"questions": ["Is the bird's head red?", "Does it have a long beak?"]}
    """,
    "JSON over lines": """
        {
          "questions": [
            "Is the bird's head red?",
            "Does it have a long beak?"
          ]
        }
    """,
    "fenced JSON": """
        ```json
        {"questions": ["Is the bird's head red?", "Does it have a long beak?"]}
        ```
    """,
    "JSON with chatter around": """
        Sure thing [as asked]! {Here} it is:

        ```json
        ["Is the bird's head red?", "Does it have a long beak?"]
        ```

        Would you like more?
    """,
    "JSON with numbers within": """
        {"questions": ["1. Is the bird's head red?", "2. Does it have a long beak?"]}
    """,
    "JSON of objects": """
        [{"id": 1, "question": "Is the bird's head red?", "why": "Is colour not decisive?"},
         {"id": 2, "question": "Does it have a long beak?", "why": "Shape."}]
    """,
    "JSON by number": """
        {"1": "Is the bird's head red?", "2": "Does it have a long beak?"}
    """,
    "JSON by topic": """
        {"questions": {"colour": ["Is the bird's head red?"], "shape": ["Does it have a long beak?"]}}
    """,
    "JSON under another key": """
        {"yes_no_questions": ["Is the bird's head red?", "Does it have a long beak?"]}
    """,
    "an object a line": """
        {"question": "Is the bird's head red?"}
        {"question": "Does it have a long beak?"}
    """,
    "JSON twice": """
        Draft: {"questions": ["Is the bird's head red?"]}
        Final: {"questions": ["Is the bird's head red?", "Does it have a long beak?"]}
    """,
    "the example first": """
        In the format {"questions": ["...", "..."]}:
        {"questions": ["Is the bird's head red?", "Does it have a long beak?"]}
    """,
    "a comma too many": """
        {"questions": ["Is the bird's head red?", "Does it have a long beak?",]}
    """,
    "a comma too few": """
        {"questions": ["Is the bird's head red?" "Does it have a long beak?"]}
    """,
    "escapes that JSON has not": r"""
        {"questions": ["Is the bird\'s head red?", "Does it have a long beak?"]}
    """,
    "escapes that JSON has": r"""
        {"questions": ["Is the bird\u0027s head red?", "Does it have a\tlong beak?\n"]}
    """,
    "broken lines within JSON": """
        {"questions": ["Is the bird's
        head red?", "Does it have a long beak?"]}
    """,
    "Python": """
        questions = ["Is the bird's head red?", 'Does it have a long beak?']
    """,
    "Python's own quotes": """
        {'questions': ["Is the bird's head red?", 'Does it have a long beak?']}
    """,
    "JSON, cut off": """
        {"questions": ["Is the bird's head red?", "Does it have a long beak?", "Is there a white ring aro
    """,
    "chatter and fenced JSON, cut off": """
        Of course! Here is the JSON:
        ```json
        {"questions": ["Is the bird's head red?", "Does it have a long beak?", "Is there a wh
    """,
    "JSON of objects, cut off": """
        [{"question": "Is the bird's head red?"}, {"question": "Does it have a long beak?"}, {"quest
    """,
    "thoughts before": """
        <think>
        The user wants questions. Is the tail long? {"questions": ["Is the tail long?"]}
        </think>
        {"questions": ["Is the bird's head red?", "Does it have a long beak?"]}
    """,
    "thoughts that began in the prompt": """
        Okay. Is the tail long? Maybe not.
        </think>

        1. Is the bird's head red?
        2. Does it have a long beak?
    """,
    "thoughts without an end": """
        1. Is the bird's head red?
        2. Does it have a long beak?
        <thinking>Is the tail long? I should
    """,
}


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_questions_are_found_in_replies_of_many_forms(written):
    assert parse_questions(dedent(written).strip()) == [RED, LONG]


@pytest.mark.parametrize(
    "nothing",
    ["", "   \n", "I am sorry, but I cannot help with that.", "[]", "{}", "null", "None.", "?", "1. ?\n2. **?**", '["'],
)
def test_nothing_is_found_in_a_reply_without_questions(nothing):
    assert parse_questions(nothing) == []


def test_an_empty_list_in_json_is_empty_whatever_text_surrounds_it():
    assert parse_questions('Is there any? No: {"questions": []} Would you like an explanation?') == []


@pytest.mark.parametrize(
    "question",
    [
        'Is there a sign that says "Stop"?',
        "Is there a sign that says \N{LEFT SINGLE QUOTATION MARK}Stop\N{RIGHT SINGLE QUOTATION MARK}?",
        "Does the bird have a beak (or bill) that is longer than its head (e.g. twice as long)?",
        "Is it red, white or blue?",
        "Are there 3 or more stripes?",
        "In this image, is the bird flying?",
        "I see a bird; is it flying?",
    ],
)
def test_all_parts_of_a_question_are_kept(question):
    for written in (f"1. {question}", f"- **{question}**", f"“{question}”", json.dumps([question])):
        assert parse_questions(written) == [question]


def test_strings_in_json_that_are_not_questions_are_returned_too():
    reply = {"questions": ["The bird is red", RED, "...", "What is it? "]}
    assert parse_questions(json.dumps(reply)) == ["The bird is red", RED, "What is it?"]


VERBS = ["Is", "Are", "Does", "Can you see", "Has", "In this image, is"]
WORDS = ["the", "bird", "bird's", "a", "long", "beak", "(or bill)", "black-and-white", "3", "größer", '"Stop"', "X"]
QUESTIONS = st.lists(
    st.builds(
        lambda verb, words, end: f"{verb} {' '.join([*words, end])}?",
        st.sampled_from(VERBS),
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=6),
        st.sampled_from(["red", "visible", "tail", "it"]),
    ),
    min_size=1,
    max_size=6,
    unique=True,
)


def lines(form):
    return lambda questions: "\n".join(form.format(n, question) for n, question in enumerate(questions, start=1))


def as_json(*, form=list, **options):
    return lambda questions: json.dumps(form(questions), **options)


STYLES = {
    "plain": lines("{1}"),
    "numbered": lines("{0}. {1}"),
    "numbered in brackets": lines("({0}) {1}"),
    "bulleted": lines("- {1}"),
    "quoted": lines("{0}) “{1}”"),
    "bold": lines("{0}. **{1}**"),
    "named": lines("Question {0}: {1}"),
    "with topics": lines("{0}. **Shape:** {1} (Yes/No)"),
    "chatty": lambda questions: "Sure, here you are!\n\n" + lines("{0}. {1}")(questions) + "\n\nI hope that helps.",
    "in one line": " ".join,
    "table": lines("| {0} | {1} | shape |"),
    "list": as_json(),
    "object": as_json(form=lambda questions: {"questions": questions}),
    "indented": as_json(form=lambda questions: {"questions": questions}, indent=2, ensure_ascii=False),
    "objects": as_json(form=lambda questions: [{"id": n, "question": q} for n, q in enumerate(questions)]),
    "fenced": lambda questions: f"Here it is:\n```json\n{json.dumps({'questions': questions}, indent=1)}\n```\nDone!",
}


@pytest.mark.parametrize("style", STYLES)
@settings(max_examples=25, deadline=None)
@given(questions=QUESTIONS)
def test_written_questions_are_parsed_back(style, questions):
    assert parse_questions(STYLES[style](questions)) == questions


@pytest.mark.parametrize("style", STYLES)
@settings(max_examples=25, deadline=None)
@given(questions=QUESTIONS, data=st.data())
def test_the_complete_questions_of_a_cut_off_reply_are_parsed(style, questions, data):
    whole = STYLES[style](questions)
    first = len(STYLES[style](questions[:1]).rstrip("`]}.! \n")) if style not in ("chatty", "fenced") else 0
    cut = whole[: data.draw(st.integers(min(first, len(whole)), len(whole)))]
    found = parse_questions(cut)
    assert found == questions[: len(found)]
    assert found or not first


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("Is it? 1.-*[]{}\"'\\:,\n|<>``Yes/Noquestions")))
def test_any_text_can_be_parsed(text):
    for question in parse_questions(text):
        assert question == question.strip() != ""
        assert "\n" not in question


def test_half_a_character_is_replaced():
    assert parse_questions('{"questions": ["Is the \\ud83d bird red?"]}') == ["Is the ? bird red?"]
