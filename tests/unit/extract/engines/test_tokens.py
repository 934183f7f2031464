import math

import pytest

from mmkd_ray.config import VllmTeacher
from mmkd_ray.errors import TeacherError
from mmkd_ray.extract.engines.tokens import AnswerTokens, answer_tokens, is_variant


class Words:
    """A tokenizer whose tokens are words, spaces in front among them."""

    unk_token_id = 0
    all_special_ids = (0, 9)

    def __init__(self, *words):
        self._words = ["<unk>", *words]

    def encode(self, text, *, add_special_tokens):
        assert not add_special_tokens
        return [self._words.index(text)] if text in self._words else [0, 0]

    def decode(self, ids):
        return "".join(self._words[token] for token in ids)

    def get_vocab(self):
        return {word: token for token, word in enumerate(self._words)}


TOKENIZER = Words("Yes", "No", " Yes", "yes", " no", "YES", "Yesterday", "Not", "no ", " NO")


def test_canonical_are_only_the_two_tokens():
    assert answer_tokens(TOKENIZER, VllmTeacher()) == AnswerTokens((1,), (2,))


def test_variants_differ_in_case_and_spaces_only():
    tokens = answer_tokens(TOKENIZER, VllmTeacher(tokens="all_variants"))
    assert [TOKENIZER.decode([token]) for token in tokens.yes] == ["Yes", " Yes", "yes", "YES"]
    assert [TOKENIZER.decode([token]) for token in tokens.no] == ["No", " no", " NO"], "9, 'no ', is a special token"


def test_probabilities_of_variants_add_up():
    tokens = AnswerTokens(yes=(1, 3), no=(2,))
    log_p_yes, log_p_no = tokens.log_p({1: math.log(0.3), 3: math.log(0.2), 2: math.log(0.4)})
    assert math.exp(log_p_yes) == pytest.approx(0.5)
    assert math.exp(log_p_no) == pytest.approx(0.4)


def test_the_probability_of_one_token_is_exact():
    assert AnswerTokens((1,), (2,)).log_p({1: -1e-9, 2: -20.123456}) == (-1e-9, -20.123456)


@pytest.mark.parametrize("answer", ["Certainly", ""])
def test_an_answer_without_a_single_token_is_refused(answer):
    with pytest.raises(TeacherError, match=r"not one; choose teacher\.yes_token"):
        answer_tokens(TOKENIZER, VllmTeacher(yes_token=answer))
    with pytest.raises(TeacherError, match="no single token of the teacher's tokenizer spells"):
        answer_tokens(TOKENIZER, VllmTeacher(yes_token="Certainly", tokens="all_variants"))


def test_a_longer_word_is_not_a_variant():
    assert is_variant(" YES ", "Yes")
    assert not is_variant("Yesterday", "Yes")
