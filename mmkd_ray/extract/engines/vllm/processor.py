"""Load a checkpoint's processor, and check with it what can be checked before any weights are loaded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from PIL import Image

from mmkd_ray.answers.hub import check_in_reach
from mmkd_ray.answers.teacher import resolve
from mmkd_ray.config import VllmTeacher
from mmkd_ray.errors import TeacherError, explain
from mmkd_ray.extract.engines.vllm.prompts import chat_prompt, user_text

_THOUGHT = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
)
"""Marks around what a model thinks before it answers, of different families."""
_SIDE = 224
"""Side of the blank test image, in pixels; every processor accepts such a square."""


def load_processor(teacher: VllmTeacher) -> Any:
    """The `transformers` processor of a teacher's checkpoint.

    Raises:
        TeacherError: it cannot be loaded, or takes no images.
    """
    check_in_reach(teacher)
    from transformers import AutoProcessor  # noqa: PLC0415 (seconds)

    model = resolve(teacher)
    try:
        processor = AutoProcessor.from_pretrained(
            model, revision=teacher.revision, trust_remote_code=teacher.trust_remote_code
        )
    # The files of a checkpoint can make the library raise any exception.
    except Exception as error:
        raise TeacherError(
            f"the processor of '{teacher.model}' cannot be loaded: {explain(error)}; check teacher.model and "
            "teacher.revision"
        ) from error
    if getattr(processor, "image_processor", None) is None or getattr(processor, "tokenizer", None) is None:
        raise TeacherError(
            f"teacher.model: '{teacher.model}' has no image processor in transformers (only a "
            f"{type(processor).__name__}); choose a vision-language model, for some families the variant whose name "
            "ends in -hf"
        )
    return processor


def check_prompts(processor: Any, teacher: VllmTeacher, questions: Iterable[str]) -> None:
    """Check everything about the prompts that can be known without weights.

    Raises:
        TeacherError: `teacher.prompt` or a question contains a control token; the chat template does not accept the
            message, does not use one of `teacher.chat_template_args`, leaves the image out, or opens a thinking block.
    """
    refuse_control_tokens(processor, teacher, questions)
    _refuse_unknown_arguments(processor, teacher)
    prompt = chat_prompt(processor, teacher, "Is it?")
    image = getattr(processor, "image_token", None)
    if isinstance(image, str) and image not in prompt:
        raise TeacherError(
            f"the chat template of '{teacher.model}' leaves the image out ('{image}' is not in the prompt it writes); "
            "use an instruction-tuned vision-language model in the layout of transformers"
        )
    if opened := _opened_thought(prompt, user_text(teacher, "Is it?")):
        raise TeacherError(
            f"the chat template of '{teacher.model}' ends in an opened thinking block ({opened}): the first token "
            "would be a thought, not the answer; switch it off with teacher.chat_template_args, e.g. "
            "{enable_thinking: false}, if the template has such a switch, or choose a model that answers at once"
        )


def try_processor(processor: Any, teacher: VllmTeacher) -> None:
    """Run the processor on one blank image with a question.

    Raises:
        TeacherError: it fails, so that it would fail for every image.
    """
    try:
        processor(
            text=chat_prompt(processor, teacher, "Is it?"),
            images=[Image.new("RGB", (_SIDE, _SIDE), "grey")],
            return_tensors="pt",
            **teacher.processor_args,
        )
    except TeacherError:
        raise
    except Exception as error:
        raise TeacherError(
            f"the processor of '{teacher.model}' cannot prepare an image and a question: {explain(error)}; "
            f"check teacher.processor_args ({teacher.processor_args})"
        ) from error


def refuse_control_tokens(processor: Any, teacher: VllmTeacher, questions: Iterable[str]) -> None:
    """Refuse texts that the tokenizer would read as more than words: as the end of a turn, or the place of an image.

    Raises:
        TeacherError: a text contains a control token; the message names both.
    """
    names, ids = _control_tokens(processor)
    for what, text in (("teacher.prompt", user_text(teacher, "")), *(("the question", one) for one in questions)):
        found = [name for name in names if name in text]
        tokens = processor.tokenizer.encode(text, add_special_tokens=False)
        found += [processor.tokenizer.convert_ids_to_tokens(token) for token in tokens if token in ids]
        if found:
            raise TeacherError(
                f"{what} '{text}' contains '{found[0]}', which '{teacher.model}' reads as a control token; rephrase it"
            )


def looks_like_control_token(texts: Sequence[str]) -> bool:
    """Whether texts have characters of control tokens; if not, no processor need be loaded, which takes seconds."""
    return any(re.search(r"[<>\[\]|◁▷]", text) for text in texts)


def _control_tokens(processor: Any) -> tuple[list[str], set[int]]:
    """Placeholders of images, and the ids of all control tokens."""
    tokenizer = processor.tokenizer
    ids = set(tokenizer.all_special_ids) | {
        token for token, entry in tokenizer.added_tokens_decoder.items() if entry.special
    }
    # Processors search the text for these, even if they are not tokens.
    names = [getattr(processor, f"{kind}_token", None) for kind in ("image", "video", "audio")]
    ids |= {getattr(processor, f"{kind}_token_id", None) for kind in ("image", "video", "audio")} - {None}
    return [name for name in names if isinstance(name, str) and name], ids


def _refuse_unknown_arguments(processor: Any, teacher: VllmTeacher) -> None:
    """A template ignores arguments that it does not use, so a mistyped one would have no effect."""
    template = getattr(processor, "chat_template", None)
    if isinstance(template, dict):
        template = template.get("default")
    for key in teacher.chat_template_args:
        if isinstance(template, str) and not re.search(rf"\b{re.escape(key)}\b", template):
            raise TeacherError(
                f"teacher.chat_template_args: got '{key}', which the chat template of '{teacher.model}' does not use; "
                "see the chat template that comes with the checkpoint for what it takes, or leave it out"
            )


def _opened_thought(prompt: str, text: str) -> str:
    """The mark of a thinking block that is opened after the user's text and not closed; empty if there is none."""
    tail = prompt[prompt.rfind(text) + len(text) :] if text in prompt else prompt
    for opening, closing in _THOUGHT:
        if tail.rfind(opening) > tail.rfind(closing):
            return opening
    return ""
