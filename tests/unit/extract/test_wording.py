import pytest

from mmkd_ray.config import OpenAiTeacher, VllmTeacher
from mmkd_ray.errors import TeacherError
from mmkd_ray.extract.wording import check_wording


def test_a_control_token_of_a_teacher_on_this_machine_is_found_before_anything_starts():
    with pytest.raises(TeacherError, match=r"the question 'Is it <\|end\|> red\?' contains '<\|end\|>'"):
        check_wording(VllmTeacher(), ["Is it red?", "Is it <|end|> red?"])
    with pytest.raises(TeacherError, match=r"teacher\.prompt .* contains '<IMG_CONTEXT>'"):
        check_wording(VllmTeacher(prompt="<IMG_CONTEXT>{question}"), ["Is it red?"])


def test_nothing_is_loaded_for_ordinary_words_nor_where_the_checkpoint_is_elsewhere(monkeypatch):
    monkeypatch.setattr("mmkd_ray.extract.wording.load_processor", lambda _: pytest.fail("loaded"))
    check_wording(VllmTeacher(), ["Is it red?"])
    check_wording(VllmTeacher(model="owner/on-the-hub"), ["Is it <red>?"])
    check_wording(VllmTeacher(model="/on/another/machine"), ["Is it <red>?"])
    check_wording(OpenAiTeacher(kind="openai", model="m"), ["Is it <red>?"])
