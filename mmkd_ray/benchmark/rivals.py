"""The other ways to ask a teacher: bare vLLM, one Hugging Face `generate` a pair, `ray.data.llm`.

Each function runs in a process of its own and returns answers a second, one number a repetition.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import logging
import os
import time
from typing import Any

import numpy as np
from PIL import Image

from mmkd_ray.answers.teacher import resolve
from mmkd_ray.cluster.environment import prepare_process
from mmkd_ray.config import ExtractConfig, VllmTeacher


def bare_vllm(
    teacher: VllmTeacher, extract: ExtractConfig, images: list[bytes], questions: list[str], repetitions: int
) -> list[float]:
    """`vllm.LLM.generate` over prompts that are decoded and tokenised: the practical ceiling.

    It is given what we know to be fast: the same engine arguments, and hashes of the images.
    """
    prepare_process(offline=True)
    from mmkd_ray.extract.engines.vllm.engine import bind_to_cores, engine_args  # noqa: PLC0415

    bind_to_cores(extract.cpus_per_actor)
    assert len(os.sched_getaffinity(0)) == extract.cpus_per_actor, "it would be measured on more cores than ours"
    from transformers import AutoProcessor  # noqa: PLC0415
    from vllm import LLM, SamplingParams  # noqa: PLC0415

    from mmkd_ray.extract.engines.vllm.prompts import prompt_tokens  # noqa: PLC0415

    model = resolve(teacher)
    processor: Any = AutoProcessor.from_pretrained(model)
    yes, no = processor.tokenizer.convert_tokens_to_ids(["Yes", "No"])
    llm = LLM(model=model, **engine_args(teacher, extract))
    sampling = SamplingParams(temperature=0, max_tokens=1, logprob_token_ids=[yes, no], detokenize=False)
    asked = [prompt_tokens(processor, teacher, question) for question in questions]

    def prompts(part: list[bytes]) -> list[Any]:
        made = []
        for encoded in part:
            with Image.open(io.BytesIO(encoded)) as opened:
                data, uuid = opened.convert("RGB"), hashlib.sha256(encoded).hexdigest()
            made += [
                {"prompt_token_ids": tokens, "multi_modal_data": {"image": data}, "multi_modal_uuids": {"image": uuid}}
                for tokens in asked
            ]
        return made

    warm_up, *parts = _parts(images, repetitions)
    llm.generate(prompts(warm_up), sampling, use_tqdm=False)
    rates = []
    for part in parts:
        ready = prompts(part)
        started = time.perf_counter()
        llm.generate(ready, sampling, use_tqdm=False)
        rates.append(len(ready) / (time.perf_counter() - started))
    return rates


def hf_loop(
    teacher: VllmTeacher, images: list[bytes], questions: list[str], pairs: int, repetitions: int
) -> list[float]:
    """The way of the paper's public code: one `generate` for each image and question, its scores read off.

    It is given one new token a pair, where that code has up to 1,024, and all cores.
    """
    prepare_process(offline=True)
    import torch  # noqa: PLC0415
    from transformers import AutoModelForImageTextToText, AutoProcessor  # noqa: PLC0415

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    model_id = resolve(teacher)
    processor: Any = AutoProcessor.from_pretrained(model_id)
    model: Any = AutoModelForImageTextToText.from_pretrained(model_id, dtype=torch.float32).eval()

    def ask(encoded: bytes, question: str) -> None:
        with Image.open(io.BytesIO(encoded)) as opened:
            image = opened.convert("RGB")
        text = teacher.prompt.replace("{question}", question)
        content = [{"type": "image", "image": image}, {"type": "text", "text": text}]
        inputs = processor.apply_chat_template(
            [{"role": "user", "content": content}],
            add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt",
        )  # fmt: skip
        with torch.inference_mode():
            model.generate(
                **inputs, max_new_tokens=1, do_sample=False, output_scores=True, return_dict_in_generate=True
            )

    ask(images[0], questions[0])
    rates = []
    for _ in range(repetitions):
        started = time.perf_counter()
        for number in range(pairs):
            ask(images[number // len(questions)], questions[number % len(questions)])
        rates.append(pairs / (time.perf_counter() - started))
    return rates


def ray_data_llm(
    teacher: VllmTeacher, extract: ExtractConfig, images: list[bytes], questions: list[str], repetitions: int
) -> list[float]:
    """`ray.data.llm`, one row a prompt, with as many engines as the machine has cores.

    Its own stages for chat templates and images are left out: in Ray 2.60 the latter imports what vLLM 0.32 no longer
    has (`vllm.entrypoints.chat_utils`). It is given tokenised prompts and hashes of the images instead.
    """
    prepare_process(offline=True)
    # As our own engines have it; its workers inherit it.
    os.environ.update(TORCH_COMPILE_DISABLE="1", VLLM_LOGGING_LEVEL="ERROR")
    import ray  # noqa: PLC0415
    from ray.data.llm import build_processor, vLLMEngineProcessorConfig  # noqa: PLC0415
    from transformers import AutoProcessor  # noqa: PLC0415

    from mmkd_ray.extract.engines.vllm.engine import engine_args  # noqa: PLC0415
    from mmkd_ray.extract.engines.vllm.prompts import prompt_tokens  # noqa: PLC0415

    model, cores = resolve(teacher), len(os.sched_getaffinity(0))
    processor: Any = AutoProcessor.from_pretrained(model)
    answers = processor.tokenizer.convert_tokens_to_ids(["Yes", "No"])
    tokens = {question: prompt_tokens(processor, teacher, question) for question in questions}
    ray.init(
        address="local",
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        num_cpus=2 * cores + 2,
    )
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.use_datasource_v2 = False
    args = {key: value for key, value in engine_args(teacher, extract).items() if value is not None}
    config = vLLMEngineProcessorConfig(
        model_source=model,
        engine_kwargs=args,
        concurrency=cores,
        batch_size=64,
        chat_template_stage={"enabled": False},
        tokenize_stage={"enabled": False},
        detokenize_stage={"enabled": False},
        prepare_multimodal_stage={"enabled": False},
        log_engine_metrics=False,
        placement_group_config={"bundles": [{"CPU": 1}]},
    )

    def to_prompt(row: dict[str, Any]) -> dict[str, Any]:
        with Image.open(io.BytesIO(row["image"])) as opened:
            image = opened.convert("RGB")
        return {
            "tokenized_prompt": tokens[row["question"]],
            "multimodal_data": {"image": image},
            "multimodal_uuids": {"image": hashlib.sha256(row["image"]).hexdigest()},
            "sampling_params": {
                "temperature": 0, "max_tokens": 1, "logprob_token_ids": answers, "logprobs": len(answers),
                "detokenize": False,
            },
        }  # fmt: skip

    asked = build_processor(config, preprocess=to_prompt, postprocess=lambda row: {"n": row["num_generated_tokens"]})
    rows = [{"image": image, "question": question} for image in images for question in questions]
    ended, answered = [], []
    dataset = asked(ray.data.from_items(rows, override_num_blocks=max(4, len(rows) // 64)))
    for batch in dataset.iter_batches(batch_size=None):
        ended.append(time.perf_counter())
        answered.append(len(batch["n"]))
    ray.shutdown()
    return window_rates(ended, answered, repetitions)


def window_rates(ended: list[float], answered: list[int], windows: int) -> list[float]:
    """Answers a second in successive windows of a run, from the times at which batches ended.

    What came before the first batch's end (loading, warm-up) is left out, and so is that batch.
    """
    order = np.argsort(ended)
    times, total = np.array(ended)[order], np.cumsum(np.array(answered)[order])
    edges = np.unique(np.linspace(0, len(times) - 1, min(windows, len(times) - 1) + 1).round().astype(int))
    return [
        float((total[end] - total[start]) / max(times[end] - times[start], 1e-9))
        for start, end in itertools.pairwise(edges)
    ]


def _parts(images: list[bytes], repetitions: int) -> list[list[bytes]]:
    """A warm-up and so many parts, all of different images: the prefix cache must not remember one."""
    size = max(1, len(images) // (repetitions + 1))
    return [images[start : start + size] for start in range(0, size * (repetitions + 1), size)]
