"""Two routes to the same number: P(yes) by vLLM as the library asks it, and by the forward pass of transformers."""

from __future__ import annotations

import gc
import io
import json
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmkd_ray.answers.probability import Answers, answer_mass, p_yes
from mmkd_ray.answers.query import Query
from mmkd_ray.config import ExtractConfig, VllmTeacher
from mmkd_ray.errors import TeacherError
from mmkd_ray.extract.engines.vllm.processor import load_processor
from mmkd_ray.extract.preflight import find_problem
from tests.support.checkpoints import (
    QUESTIONS,
    build_gemma3,
    build_internvl,
    build_lfm2_vl,
    build_llava,
    build_llava_onevision,
    build_mistral3,
    build_qwen2_5_vl,
    build_qwen3_vl,
    build_smolvlm,
    hf_answers,
)

PROMPT = (
    "The picture shows a single bird, drawn for a field guide. Look at its shape, at the colours of its back, belly "
    "and head, at its markings, and at where it is and what it does, before you answer the question that follows. "
    "{question} The answer must always be either Yes or No (do not provide any other response)."
)
"""Long enough that questions share whole blocks of vLLM's prefix cache (128 tokens on a CPU)."""

FAMILIES: dict[str, Callable[[Path], Path]] = {
    "internvl": build_internvl,
    "smolvlm": build_smolvlm,
    "qwen2_5_vl": build_qwen2_5_vl,
    "qwen3_vl": build_qwen3_vl,
    "llava_onevision": build_llava_onevision,
    "llava": build_llava,
    "mistral3": build_mistral3,
}
TOO_LONG = "Is it a bird? " * 200


@dataclass(frozen=True)
class Asked:
    """What one engine answered, the calls in this order; all brought back into the first call's order."""

    family: str
    plain: Answers
    too_long: Answers
    two_batches_at_a_time: Answers
    questions_reversed: Answers
    images_reversed: Answers
    one_image_at_a_time: Answers
    one_question_at_a_time: Answers
    alone: Answers
    """Every cell by itself, nothing read from the prefix cache."""
    spelled: Answers
    """With the first of the spellings that the tokenizer has: the canonical one."""
    narrow: Answers
    """An image 400 times as wide as high between two others."""
    preflight: str
    """What the preflight says of this teacher."""
    control_token: str
    """What is said of a question with the image's placeholder in it."""
    reference: Answers


def make_images() -> list[bytes]:
    """Noise and patterns of sizes that are cut into different numbers of tiles."""
    generator = np.random.default_rng(0)
    stripes = np.full((64, 64, 3), 230, np.uint8)
    stripes[::8] = (0, 90, 200)
    halves = np.zeros((60, 48, 3), np.uint8)
    halves[:, :24] = (200, 30, 10)
    ramp = np.linspace(0, 255, 90 * 31).reshape(90, 31).astype(np.uint8)
    return [
        *(_encode(generator.integers(0, 256, (height, width, 3), dtype=np.uint8)) for height, width in SIZES),
        _encode(stripes),
        _encode(halves, "JPEG"),
        _encode(ramp),
    ]


SIZES = [(32, 32), (64, 64), (40, 100), (17, 23)]


def _encode(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def ask_in_this_process(folder: str, images: list[bytes], questions: list[str]) -> dict[str, Any]:
    """Everything that is asked of one engine; runs in a process of its own, which is bound to a core for good."""
    from mmkd_ray.extract.engines.vllm.engine import VllmEngine

    # The engine before this one, if Python came to it later, would end vLLM's process group, which is now ours.
    gc.collect()
    teacher = VllmTeacher(model=folder, prompt=PROMPT, dtype="float32")
    engine = VllmEngine(teacher, ExtractConfig(), questions)
    queries = [Query(text) for text in questions]
    preflight = find_problem(engine, images, queries, ExtractConfig(min_answer_mass=0), all_may_fail=False)
    plain = engine.answer(images, questions)
    with ThreadPoolExecutor(2) as threads:
        halves = list(threads.map(lambda half: engine.answer(half, questions), (images[:3], images[3:])))
    asked = {
        "plain": plain,
        "too_long": engine.answer(images[:2], [questions[0], TOO_LONG]),
        "two_batches_at_a_time": _joined(halves, axis=0),
        "questions_reversed": _reordered(engine.answer(images, questions[::-1]), columns=slice(None, None, -1)),
        "images_reversed": _reordered(engine.answer(images[::-1], questions), rows=slice(None, None, -1)),
        "one_image_at_a_time": _joined([engine.answer([image], questions) for image in images], axis=0),
        "one_question_at_a_time": _joined([engine.answer(images, [question]) for question in questions], axis=1),
        "alone": engine.answer_alone(images, questions),
        "spelled": engine.answer_spelled(engine.spellings()[0], images, questions),
        "narrow": engine.answer([images[0], _encode(np.zeros((1, 400, 3), np.uint8)), images[1]], questions),
    }
    with pytest.raises(TeacherError) as refused:
        engine.answer(images[:1], [f"Is it {load_processor(teacher).image_token}?"])
    engine.close()
    return {**asked, "preflight": preflight, "control_token": str(refused.value)}


def refusal_in_this_process(folder: str, **teacher: Any) -> str:
    """Why a teacher is not loaded."""
    from mmkd_ray.extract.engines.vllm.engine import VllmEngine

    gc.collect()
    with pytest.raises(TeacherError) as raised:
        VllmEngine(VllmTeacher(**{"model": folder, "prompt": PROMPT, "dtype": "float32", **teacher}), ExtractConfig())
    return str(raised.value)


def preflight_in_this_process(folder: str, **teacher: Any) -> str:
    """What the preflight says of a teacher."""
    from mmkd_ray.extract.engines.vllm.engine import VllmEngine

    gc.collect()
    config = VllmTeacher(**{"model": folder, "prompt": PROMPT, "dtype": "float32", **teacher})
    engine = VllmEngine(config, ExtractConfig(), list(QUESTIONS))
    queries = [Query(text) for text in QUESTIONS]
    found = find_problem(engine, make_images(), queries, ExtractConfig(min_answer_mass=0), all_may_fail=False)
    engine.close()
    return found


def _reordered(answers: Answers, *, rows: slice = slice(None), columns: slice = slice(None)) -> Answers:
    return Answers(answers.log_p_yes_NQ[rows, columns], answers.log_p_no_NQ[rows, columns])


def _joined(parts: Sequence[Answers], *, axis: int) -> Answers:
    return Answers(
        np.concatenate([part.log_p_yes_NQ for part in parts], axis=axis),
        np.concatenate([part.log_p_no_NQ for part in parts], axis=axis),
    )


@pytest.fixture(scope="module")
def engine_process() -> Iterator[ProcessPoolExecutor]:
    """One process for all families: most of the time goes into importing vLLM."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.fixture(scope="module", params=FAMILIES)
def asked(
    request: pytest.FixtureRequest, engine_process: ProcessPoolExecutor, tmp_path_factory: pytest.TempPathFactory
) -> Asked:
    folder = FAMILIES[request.param](tmp_path_factory.mktemp(request.param))
    images = make_images()
    ours = engine_process.submit(ask_in_this_process, str(folder), images, list(QUESTIONS))
    reference = hf_answers(folder, images, QUESTIONS, PROMPT)
    return Asked(request.param, **ours.result(), reference=reference)


def p_yes_of(answers: Answers) -> np.ndarray:
    return p_yes(answers.log_p_yes_NQ, answers.log_p_no_NQ)


def test_the_teacher_answers_differently_about_images_and_questions(asked: Asked):
    """Or all that follows compares a constant with itself."""
    p_NQ = p_yes_of(asked.reference)
    assert p_NQ.std(axis=0).min() > 0.02
    assert p_NQ.std(axis=1).min() > 0.02


def test_p_yes_is_that_of_the_hugging_face_forward_pass(asked: Asked):
    np.testing.assert_allclose(p_yes_of(asked.plain), p_yes_of(asked.reference), rtol=0, atol=1e-3)


def test_log_probabilities_are_over_the_whole_vocabulary(asked: Asked):
    np.testing.assert_allclose(asked.plain.log_p_yes_NQ, asked.reference.log_p_yes_NQ, rtol=0, atol=5e-3)
    np.testing.assert_allclose(asked.plain.log_p_no_NQ, asked.reference.log_p_no_NQ, rtol=0, atol=5e-3)
    mass_NQ = answer_mass(asked.plain.log_p_yes_NQ, asked.plain.log_p_no_NQ)
    assert mass_NQ.max() < 0.5, "a random teacher says other things than Yes and No"


@pytest.mark.parametrize(
    "variant",
    [
        "two_batches_at_a_time",
        "questions_reversed",
        "images_reversed",
        "one_image_at_a_time",
        "one_question_at_a_time",
        "alone",
        "spelled",
    ],
)
def test_an_answer_depends_on_its_image_and_question_alone(asked: Asked, variant: str):
    np.testing.assert_allclose(p_yes_of(getattr(asked, variant)), p_yes_of(asked.plain), rtol=0, atol=1e-4)


def test_a_prompt_longer_than_the_model_reads_fails_its_images_and_says_so(asked: Asked):
    assert set(asked.too_long.failed) == {0, 1}
    assert "1024" in asked.too_long.failed[0]
    assert "length" in asked.too_long.failed[0]
    assert np.isnan(asked.too_long.log_p_yes_NQ).all()


def test_the_preflight_has_nothing_to_say(asked: Asked):
    """Asked alone, without a cache, or in another order, every family answers as in a batch."""
    assert asked.preflight == ""


def test_an_image_that_cannot_be_prepared_fails_alone_and_the_reason_is_the_innermost_one(asked: Asked):
    """Some families accept any shape."""
    assert (1 in asked.narrow.failed) or "qwen" not in asked.family
    for reason in asked.narrow.failed.values():
        assert "aspect ratio must be smaller than 200, got 400" in reason or "qwen" not in asked.family
        assert "Failed to apply" not in reason
        assert " at 0x" not in reason
    assert asked.narrow.unexplained() == []
    assert set(asked.narrow.failed) <= {1}
    np.testing.assert_allclose(p_yes_of(asked.narrow)[[0, 2]], p_yes_of(asked.plain)[:2], rtol=0, atol=1e-4)


def test_a_question_with_the_images_placeholder_in_it_is_refused(asked: Asked):
    assert "reads as a control token" in asked.control_token


@pytest.mark.parametrize(
    ("damage", "teacher", "reason"),
    [
        ({"architectures": ["NoSuchModel"]}, {}, "NoSuchModel"),
        ({"text_config": {"hidden_size": 128}}, {}, ""),
        ({}, {"engine_args": {"quantization": "no_such_method"}}, "no_such_method"),
        ({}, {"max_model_len": 100_000}, "100000"),
    ],
)
def test_whatever_vllm_raises_while_it_loads_is_a_refusal(
    engine_process: ProcessPoolExecutor, tmp_path: Path, damage: dict, teacher: dict, reason: str
):
    file = build_internvl(tmp_path / "teacher") / "config.json"
    config = json.loads(file.read_text())
    for key, value in damage.items():
        config[key] = {**config[key], **value} if isinstance(value, dict) else value
    file.write_text(json.dumps(config))
    refusal = engine_process.submit(refusal_in_this_process, str(file.parent), **teacher).result()
    assert refusal.startswith(f"the teacher '{file.parent}' cannot be loaded: ")
    assert reason in refusal


def test_a_teacher_that_vllm_would_run_wrongly_on_a_cpu_is_refused(engine_process: ProcessPoolExecutor, tmp_path: Path):
    """Gemma 3: with 16 tokens an image P(yes) would be off by 0.1."""
    refusal = engine_process.submit(refusal_in_this_process, str(build_gemma3(tmp_path / "gemma3"))).result()
    assert "would answer wrongly on a CPU" in refusal


def test_a_teacher_whose_answers_depend_on_what_is_asked_with_them_is_refused_with_a_remedy_that_holds(
    engine_process: ProcessPoolExecutor, tmp_path: Path
):
    """LFM2-VL, as vLLM runs it on a CPU."""
    folder = str(build_lfm2_vl(tmp_path / "lfm2_vl"))
    found = engine_process.submit(preflight_in_this_process, folder).result()
    assert "the teacher's answers depend on what else is asked at the same time" in found
    remedy = {"max_num_seqs": 1, "enable_prefix_caching": False}
    assert f"{{{', '.join(f'{key}: {str(value).lower()}' for key, value in remedy.items())}}}" in found
    assert engine_process.submit(preflight_in_this_process, folder, engine_args=remedy).result() == ""
