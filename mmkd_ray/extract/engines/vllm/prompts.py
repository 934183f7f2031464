"""Build the prompt for a question: the checkpoint's chat template, image first, question last."""

from __future__ import annotations

from typing import Any

from mmkd_ray.config import VllmTeacher
from mmkd_ray.errors import TeacherError, explain


def user_text(teacher: VllmTeacher, question: str) -> str:
    """The user's message: `teacher.prompt` with the question in it."""
    return teacher.prompt.replace("{question}", question)


def chat_prompt(processor: Any, teacher: VllmTeacher, question: str) -> str:
    """The prompt for one question about one image.

    The image comes first, so that everything before the question is the same for all questions about an image and its
    prefill can be shared.

    Args:
        processor: the checkpoint's `transformers` processor.
        teacher: how it is asked.
        question: the question.

    Raises:
        TeacherError: the chat template does not accept such a message.
    """
    content = [{"type": "image"}, {"type": "text", "text": user_text(teacher, question)}]
    try:
        return processor.apply_chat_template(
            [{"role": "user", "content": content}],
            add_generation_prompt=True,
            tokenize=False,
            **teacher.chat_template_args,
        )
    # A chat template is a program: it can raise any exception.
    except Exception as error:
        raise TeacherError(
            f"the chat template of '{teacher.model}' does not accept an image and a question: {explain(error)}; "
            "use an instruction-tuned vision-language model in the layout of transformers"
        ) from error


def prompt_tokens(processor: Any, teacher: VllmTeacher, question: str) -> list[int]:
    """The tokens of `chat_prompt`, with one placeholder for the image.

    If the chat template writes the beginning-of-sequence token, it is not added again. This is the rule of
    transformers' `ProcessorMixin.apply_chat_template`, which vLLM's `generate` does not follow for a text.
    """
    tokenizer = processor.tokenizer
    text = chat_prompt(processor, teacher, question)
    has_bos = tokenizer.bos_token is not None and text.startswith(tokenizer.bos_token)
    return tokenizer.encode(text, add_special_tokens=not has_bos)


def with_other_question(expanded: list[int], image_end: int, first: list[int], other: list[int]) -> list[int] | None:
    """The processor's output for another question about the same image, without running the processor again.

    Args:
        expanded: its output for `first`, in which the image's tokens have replaced the placeholder.
        image_end: position in `expanded` after the image's tokens.
        first: `prompt_tokens` of the question that the processor was run for.
        other: `prompt_tokens` of the other question.

    Returns:
        The tokens; None if the prompts differ before the image's end, so that they cannot be derived.
    """
    common = next(
        (i for i, (a, b) in enumerate(zip(first, other, strict=False)) if a != b), min(len(first), len(other))
    )
    start = len(expanded) - (len(first) - common)
    if start < image_end or expanded[start:] != first[common:]:
        return None
    return expanded[:start] + other[common:]
