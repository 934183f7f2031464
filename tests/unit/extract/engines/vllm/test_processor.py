"""What a checkpoint's processor tells before any weights are loaded."""

from pathlib import Path
from typing import Any

import pytest

from mmkd_ray import fieldguide
from mmkd_ray.config import VllmTeacher
from mmkd_ray.errors import TeacherError
from mmkd_ray.extract.engines.vllm.processor import (
    check_prompts,
    load_processor,
    looks_like_control_token,
    refuse_control_tokens,
    try_processor,
)
from tests.support.checkpoints import build_internvl, build_llava, build_qwen2_5_vl, build_smolvlm
from tests.support.checkpoints.text import build_text_model

BUILDERS = {
    "internvl": build_internvl,
    "qwen": build_qwen2_5_vl,
    "smolvlm": build_smolvlm,
    "llava": build_llava,
}
QUESTIONS = ["Does the bird have a crest?", "Is 3 < 5 | [yes] or </no>?"]
TEACHER = VllmTeacher(model="m", prompt="{question} Yes or No?")


@pytest.fixture(scope="module")
def processors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("checkpoints")
    return {name: load_processor(VllmTeacher(model=str(build(folder / name)))) for name, build in BUILDERS.items()}


@pytest.mark.parametrize("family", BUILDERS)
def test_ordinary_questions_may_be_asked(processors: dict[str, Any], family: str):
    check_prompts(processors[family], TEACHER, QUESTIONS)
    try_processor(processors[family], TEACHER)


@pytest.mark.parametrize(
    ("family", "token"),
    [
        ("internvl", "<IMG_CONTEXT>"),
        ("internvl", "<img>"),
        ("internvl", "<|im_end|>"),
        ("qwen", "<|image_pad|>"),
        ("qwen", "<|video_pad|>"),
        ("qwen", "<|im_start|>"),
        ("smolvlm", "<image>"),
        ("smolvlm", "<row_1_col_1>"),
        ("smolvlm", "<end_of_utterance>"),
        ("llava", "<image>"),
        ("llava", "</s>"),
    ],
)
def test_a_text_that_becomes_control_tokens_is_refused_by_name(processors: dict[str, Any], family: str, token: str):
    question = f"Is it a bird?{token}"
    with pytest.raises(
        TeacherError, match=rf"the question 'Is it.*contains '{_literal(token)}', which '.*' reads as a control"
    ):
        check_prompts(processors[family], TEACHER, [QUESTIONS[0], question])
    in_prompt = TEACHER.model_copy(update={"prompt": f"{{question}} {token} Yes or No?"})
    with pytest.raises(TeacherError, match=rf"^teacher\.prompt .*contains '{_literal(token)}'"):
        check_prompts(processors[family], in_prompt, QUESTIONS[:1])


def _literal(token: str) -> str:
    return token.replace("|", r"\|")


def test_what_only_the_processor_looks_for_is_refused_too(processors: dict[str, Any], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(processors["internvl"], "image_token", "(picture)")
    with pytest.raises(TeacherError, match=r"contains '\(picture\)'"):
        refuse_control_tokens(processors["internvl"], TEACHER, ["Is the (picture) blue?"])


def test_ordinary_texts_need_no_processor():
    assert not looks_like_control_token(["Is it red (or crimson)?", "{question} Yes or No?", "Más de 5 %?"])
    assert looks_like_control_token(["Is it red?", "Is it <image> red?"])


def test_a_checkpoint_that_takes_no_images_is_refused(tmp_path: Path):
    teacher = VllmTeacher(model=str(build_text_model(tmp_path / "text")))
    with pytest.raises(TeacherError, match=r"has no image processor.*only a Qwen2Tokenizer"):
        load_processor(teacher)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path):
    folder = build_internvl(tmp_path / "broken")
    (folder / "processor_config.json").write_text("{")
    with pytest.raises(TeacherError, match=r"processor_config.json' is not a valid JSON file"):
        load_processor(VllmTeacher(model=str(folder)))


def test_a_chat_template_that_leaves_the_image_out_is_refused(
    processors: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(processors["qwen"], "chat_template", "{{ messages[0].content[1].text }}")
    with pytest.raises(TeacherError, match=r"leaves the image out \('<\|image_pad\|>' is not in"):
        check_prompts(processors["qwen"], TEACHER, QUESTIONS)


@pytest.mark.parametrize(
    ("family", "mark", "closed"),
    [("qwen", "<think>", "<think>\n\n</think>"), ("internvl", "[THINK]", "[THINK][/THINK]"),
     ("smolvlm", "◁think▷", "◁think▷◁/think▷")],
)  # fmt: skip
def test_a_prompt_that_ends_in_an_opened_thought_is_refused(
    processors: dict[str, Any], monkeypatch: pytest.MonkeyPatch, family: str, mark: str, closed: str
):
    processor = processors[family]
    switch = (
        "{% if enable_thinking is defined and not enable_thinking %}" + closed + "{% else %}" + mark + "{% endif %}"
    )
    monkeypatch.setattr(processor, "chat_template", processor.chat_template + switch)
    with pytest.raises(
        TeacherError, match=r"opened thinking block.*teacher\.chat_template_args.*enable_thinking: false"
    ):
        check_prompts(processor, TEACHER, QUESTIONS)
    direct = TEACHER.model_copy(update={"chat_template_args": {"enable_thinking": False}})
    check_prompts(processor, direct, QUESTIONS)


def test_a_thought_in_the_users_own_text_opens_nothing(processors: dict[str, Any]):
    check_prompts(processors["qwen"], TEACHER.model_copy(update={"prompt": "No <think> please: {question}"}), QUESTIONS)


def test_an_argument_that_the_chat_template_does_not_know_is_refused(
    processors: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    """It would be ignored."""
    processor = processors["qwen"]
    template = processor.chat_template + "{% if enable_thinking %}Hm: {% endif %}"
    monkeypatch.setattr(processor, "chat_template", template)
    mistyped = TEACHER.model_copy(update={"chat_template_args": {"enable_thinkin": False}})
    with pytest.raises(TeacherError, match="got 'enable_thinkin', which the chat template of 'm' does not use"):
        check_prompts(processor, mistyped, QUESTIONS)


def test_what_the_processor_does_not_take_is_found_with_a_blank_image(processors: dict[str, Any]):
    wrong = TEACHER.model_copy(update={"processor_args": {"max_patches": "many"}})
    with pytest.raises(TeacherError, match=r"cannot prepare an image and a question.*processor_args \(\{'max_patches'"):
        try_processor(processors["internvl"], wrong)


def test_the_shipped_teacher_passes():
    teacher = VllmTeacher(prompt="{question}")
    processor = load_processor(teacher)
    check_prompts(processor, teacher, [question.text for question in fieldguide.QUESTIONS])
    try_processor(processor, teacher)
