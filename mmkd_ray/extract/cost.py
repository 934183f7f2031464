"""Estimate what an extraction will cost, before it runs: images, questions, tokens, hours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mmkd_ray.answers.identity import SPLITS, what_is_asked
from mmkd_ray.answers.reading import overview
from mmkd_ray.answers.store import AnswerStore
from mmkd_ray.answers.teacher import describe_teacher
from mmkd_ray.answers.wanted import wanted_cells
from mmkd_ray.artifacts import Run
from mmkd_ray.config import Config, ImportedTeacher, VllmTeacher
from mmkd_ray.data.decode import decode_rgb
from mmkd_ray.data.subjects import Subjects, first_pictures
from mmkd_ray.data.table import require_images
from mmkd_ray.errors import ConfigError, DataError, TeacherError
from mmkd_ray.extract.engines.tokens import answer_tokens
from mmkd_ray.extract.engines.vllm.processor import check_prompts, load_processor
from mmkd_ray.extract.engines.vllm.prompts import chat_prompt, prompt_tokens
from mmkd_ray.extract.plan import make_plan
from mmkd_ray.extract.speed import read_speed
from mmkd_ray.identity import Identity

_SAMPLE = 16
"""Images whose tokens are counted; several, because some processors make more tokens of larger images."""


@dataclass(frozen=True)
class Tokens:
    """Prompt tokens per image: means over some images and all questions."""

    shared: float
    """T_p + T_i: everything up to the image's end, the same for all questions."""
    question: float
    """T_q: everything after the image."""

    def least(self, questions: float) -> float:
        """Tokens to prefill for an image if its questions share everything they can: T_p + T_i + Q T_q."""
        return self.shared + questions * self.question

    def one_by_one(self, questions: float) -> float:
        """Tokens to prefill for an image if nothing is shared: Q (T_p + T_i + T_q)."""
        return questions * (self.shared + self.question)


def describe_cost(config: Config, run: Run, *, answers_per_second: float | None = None) -> list[str]:
    """The estimate as lines of text.

    Args:
        config: the run's configuration.
        run: with its image table finished.
        answers_per_second: of one engine; unset: as measured by the last extraction with this teacher here.

    Raises:
        ConfigError: the teacher's answers are imported, so nothing is asked.
    """
    if isinstance(config.teacher, ImportedTeacher):
        raise ConfigError("teacher.kind is 'imported': its answers are read by `mmkd import-teacher`, nothing is asked")
    asked = what_is_asked(config, run, require_images(config, run))
    store, wanted = (
        AnswerStore(run, Identity.from_dict(asked["teacher"])),
        wanted_cells(run, asked["questions"], Subjects.of(config)),
    )
    plan = make_plan(wanted, overview(store, wanted).present_NQ)
    images, questions = len(wanted), len(wanted.queries)
    lines = [
        f"teacher   {describe_teacher(config.teacher)}",
        f"{wanted.subjects.unit:<9} {images:,} ({' and '.join(SPLITS)}), {plan.images:,} of them with something to ask",
        f"questions {questions}",
        f"cells     {images * questions:,} wanted, {images * questions - plan.cells:,} present, {plan.cells:,} to ask",
    ]
    if plan.images:
        lines.append(
            _tokens_line(config, run, tuple(query.question for query in wanted.queries), plan.images, plan.cells)
        )
        lines.append(
            _time_line(config, plan.cells, answers_per_second, read_speed(store.folder).get("answers_per_second"))
        )
    return lines


def count_tokens(teacher: VllmTeacher, images: list[bytes], questions: tuple[str, ...]) -> Tokens:
    """Count the tokens of prompts with the checkpoint's processor.

    Images that it refuses (such as very narrow ones) are not counted: extraction quarantines them.

    Raises:
        TeacherError: the processor cannot be loaded, an answer is not one token, or a prompt cannot be asked as it is
            meant.
    """
    processor = load_processor(teacher)
    answer_tokens(processor.tokenizer, teacher)
    check_prompts(processor, teacher, questions)
    first = prompt_tokens(processor, teacher, questions[0])
    text = chat_prompt(processor, teacher, questions[0])
    after = len(first) - 1 - first.index(processor.image_token_id) if processor.image_token_id in first else 0
    shared = [count - after for encoded in images if (count := _length(processor, teacher, text, encoded))]
    if not shared:
        raise TeacherError(
            f"the processor of '{teacher.model}' can prepare none of {len(images)} images; check "
            "teacher.processor_args and teacher.max_model_len"
        )
    lengths = [len(prompt_tokens(processor, teacher, question)) for question in questions]
    return Tokens(sum(shared) / len(shared), after + sum(lengths) / len(lengths) - len(first))


def question_tokens(teacher: VllmTeacher, questions: Sequence[str]) -> dict[str, int]:
    """Tokens that each question adds to an image's prompt, including the template around it.

    Raises:
        TeacherError: as for `count_tokens`.
    """
    processor = load_processor(teacher)
    check_prompts(processor, teacher, questions)
    lengths = {text: prompt_tokens(processor, teacher, text) for text in questions}
    image = processor.image_token_id
    shared = {text: 1 + tokens.index(image) if image in tokens else 0 for text, tokens in lengths.items()}
    return {text: len(tokens) - shared[text] for text, tokens in lengths.items()}


def _length(processor: Any, teacher: VllmTeacher, text: str, encoded: bytes) -> int:
    """Tokens of a prompt about an image; 0 if the processor refuses the image."""
    try:
        return len(processor(text=text, images=[decode_rgb(encoded)], **teacher.processor_args)["input_ids"][0])
    except (DataError, ValueError):
        return 0


def _tokens_line(config: Config, run: Run, questions: tuple[str, ...], images: int, cells: int) -> str:
    if not isinstance(config.teacher, VllmTeacher):
        return f"requests  {cells:,}, one a cell"
    tokens = count_tokens(config.teacher, first_pictures(run, Subjects.of(config), SPLITS[0], _SAMPLE), questions)
    each = cells / images
    least, naive = tokens.least(each), tokens.one_by_one(each)
    return (
        f"tokens    {tokens.shared:,.0f} shared by an image's questions + {tokens.question:.1f} a question: "
        f"{least:,.0f} an image, {images * least:,.0f} in all ({naive / least:.1f} x as many if asked one by one)"
    )


def _time_line(config: Config, cells: int, given: float | None, measured: float | None) -> str:
    rate = given or measured
    if rate is None:
        return "time      unknown: give --answers-per-second (of one engine), or extract a part and ask again"
    hours = cells / rate / 3600
    source = "as given" if given else "as measured here"
    gpus = config.extract.gpus_per_actor
    spent = f"{hours * gpus:,.3f} GPU-hours" if gpus else f"{hours * config.extract.cpus_per_actor:,.3f} core-hours"
    engines = config.extract.actors or 1
    return (
        f"time      {spent}; {hours / engines:,.3f} h on {engines} engine{'s' if engines > 1 else ''} at {rate:,.0f} "
        f"answers/s each ({source}), loading not counted"
    )
