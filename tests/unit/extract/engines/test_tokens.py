import math
import re

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import TokenizersBackend

from mmkd_ray.config import VllmTeacher
from mmkd_ray.errors import TeacherError
from mmkd_ray.extract.engines.tokens import AnswerTokens, answer_tokens, is_variant, spellings
from tests.support.checkpoints.shared import byte_level_bpe


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


def test_an_answer_that_no_single_token_spells_is_refused():
    with pytest.raises(TeacherError, match=r"not one; choose teacher\.yes_token"):
        answer_tokens(TOKENIZER, VllmTeacher(yes_token="Certainly"))
    with pytest.raises(TeacherError, match="no single token of the teacher's tokenizer spells"):
        answer_tokens(TOKENIZER, VllmTeacher(yes_token="Certainly", tokens="all_variants"))


def test_a_longer_word_is_not_a_variant():
    assert is_variant(" YES ", "Yes")
    assert not is_variant("Yesterday", "Yes")


def test_two_answers_that_the_tokenizer_does_not_tell_apart_are_refused():
    class NoMarks(Words):
        """As tokenizers that leave out accents."""

        def encode(self, text, *, add_special_tokens):
            return super().encode(text.replace("ó", "o"), add_special_tokens=add_special_tokens)

    with pytest.raises(TeacherError, match=r"'No' and teacher.no_token 'Nó' are the same token.*\('No'\)"):
        answer_tokens(NoMarks("Yes", "No"), VllmTeacher(yes_token="No", no_token="Nó"))


def test_a_control_token_is_no_answer():
    with pytest.raises(TeacherError, match="'no ' is a control token"):
        answer_tokens(TOKENIZER, VllmTeacher(no_token="no "))


def test_spellings_are_alike_in_case_and_spaces_and_say_how_they_are_set():
    tokenizer = Words("Yes", "No", " Yes", " No", "yes", " no", "YES", "NO", "no ")
    found = spellings(tokenizer, VllmTeacher())
    assert [(spelling.name, spelling.setting) for spelling in found] == [
        ("'Yes' / 'No'", 'teacher.yes_token: "Yes" and teacher.no_token: "No"'),
        ("'YES' / 'NO'", 'teacher.yes_token: "YES" and teacher.no_token: "NO"'),
        ("' Yes' / ' No'", 'teacher.yes_token: " Yes" and teacher.no_token: " No"'),
        ("all variants", "teacher.tokens: all_variants"),
    ]
    set_so = VllmTeacher(yes_token=" Yes", no_token=" No")
    assert answer_tokens(tokenizer, set_so) == found[2].tokens
    assert answer_tokens(tokenizer, VllmTeacher(tokens="all_variants")) == found[3].tokens
    assert spellings(tokenizer, set_so) == found


def test_without_any_spelling_there_is_nothing_to_try():
    assert spellings(Words("Maybe"), VllmTeacher()) == []


def _byte_level():
    """As Qwen's or SmolVLM's: a space is part of the token that follows."""
    bpe = byte_level_bpe(["<end>"], ["Assistant: Yes", "Assistant: No", "yes no"] * 50)
    return TokenizersBackend(tokenizer_object=bpe, eos_token="<end>")


def _metaspace():
    """As SentencePiece's of Llama: a space is put before the first word, too."""
    words = ["<unk>", "\u2581Yes", "\u2581No", "Yes", "No", "\u2581", "\u2581yes", "\u2581no"]
    model = models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>")
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    return TokenizersBackend(tokenizer_object=tokenizer, unk_token="<unk>")


@pytest.mark.parametrize("make", [_byte_level, _metaspace])
def test_what_is_named_as_a_setting_reads_these_very_tokens(make):
    tokenizer = make()
    *pairs, together = spellings(tokenizer, VllmTeacher())
    assert pairs
    for spelling in pairs:
        yes, no = re.findall('"(.*?)"', spelling.setting)
        assert answer_tokens(tokenizer, VllmTeacher(yes_token=yes, no_token=no)) == spelling.tokens
        assert set(spelling.tokens.all) <= set(together.tokens.all)


def test_an_answer_with_a_space_is_a_spelling_of_its_own():
    found = {spelling.name: spelling for spelling in spellings(_byte_level(), VllmTeacher())}
    assert found["' Yes' / ' No'"].setting == 'teacher.yes_token: " Yes" and teacher.no_token: " No"'
    assert found["' Yes' / ' No'"].tokens != found["'Yes' / 'No'"].tokens
