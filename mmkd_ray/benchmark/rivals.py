"""The other ways to ask a teacher: bare vLLM, one Hugging Face `generate` a pair, `ray.data.llm`.

Each runs in a process of its own. The first two are loaded once and sleep between their turns; `ray.data.llm`, as our
own pipeline, starts anew each time: a Ray that is up would take time from the others.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from mmkd_ray.answers.teacher import resolve
from mmkd_ray.cluster.cores import release_cores
from mmkd_ray.cluster.environment import prepare_process
from mmkd_ray.config import ExtractConfig, VllmTeacher


class BareVllm:
    """`vllm.LLM.generate` over prompts that are decoded and tokenised: the practical ceiling.

    It is given what we know to be fast: the same engine arguments, and hashes of the images.
    """

    def __init__(
        self, teacher: VllmTeacher, extract: ExtractConfig, questions: list[str], warm_up: Sequence[bytes]
    ) -> None:
        prepare_process(offline=True)
        from mmkd_ray.extract.engines.vllm.engine import bind_to_cores, engine_args  # noqa: PLC0415

        bind_to_cores(extract.cpus_per_actor)
        release_cores()  # it sleeps between its turns: two of our engines would otherwise have one core together
        assert len(os.sched_getaffinity(0)) == extract.cpus_per_actor, "it would be measured on more cores than ours"
        from transformers import AutoProcessor  # noqa: PLC0415
        from vllm import LLM, SamplingParams  # noqa: PLC0415

        from mmkd_ray.extract.engines.vllm.prompts import prompt_tokens  # noqa: PLC0415

        model = resolve(teacher)
        processor: Any = AutoProcessor.from_pretrained(model)
        yes, no = processor.tokenizer.convert_tokens_to_ids(["Yes", "No"])
        self._llm = LLM(model=model, **engine_args(teacher, extract))
        self._sampling = SamplingParams(temperature=0, max_tokens=1, logprob_token_ids=[yes, no], detokenize=False)
        self._asked = [prompt_tokens(processor, teacher, question) for question in questions]
        self(warm_up)

    def __call__(self, images: Sequence[bytes]) -> float:
        """Answers a second about images that it has not seen."""
        ready = self._prompts(images)
        started = time.perf_counter()
        self._llm.generate(ready, self._sampling, use_tqdm=False)
        return len(ready) / (time.perf_counter() - started)

    def _prompts(self, images: Sequence[bytes]) -> list[Any]:
        made = []
        for encoded in images:
            with Image.open(io.BytesIO(encoded)) as opened:
                data, uuid = opened.convert("RGB"), hashlib.sha256(encoded).hexdigest()
            made += [
                {"prompt_token_ids": tokens, "multi_modal_data": {"image": data}, "multi_modal_uuids": {"image": uuid}}
                for tokens in self._asked
            ]
        return made


class HfLoop:
    """The way of the paper's public code: one `generate` for each image and question, its scores read off.

    It is given one new token a pair, where that code has up to 1,024, and all cores.
    """

    def __init__(self, teacher: VllmTeacher, questions: list[str], warm_up: bytes) -> None:
        prepare_process(offline=True)
        import torch  # noqa: PLC0415
        from transformers import AutoModelForImageTextToText, AutoProcessor  # noqa: PLC0415

        torch.set_num_threads(len(os.sched_getaffinity(0)))
        model_id = resolve(teacher)
        self._teacher, self._questions = teacher, questions
        self._processor: Any = AutoProcessor.from_pretrained(model_id)
        self._model: Any = AutoModelForImageTextToText.from_pretrained(model_id, dtype=torch.float32).eval()
        self._ask(warm_up, questions[0])

    def __call__(self, images: Sequence[bytes], pairs: int) -> float:
        """Answers a second over so many pairs of an image and a question."""
        count = len(self._questions)
        started = time.perf_counter()
        for number in range(pairs):
            self._ask(images[number // count], self._questions[number % count])
        return pairs / (time.perf_counter() - started)

    def _ask(self, encoded: bytes, question: str) -> None:
        import torch  # noqa: PLC0415

        with Image.open(io.BytesIO(encoded)) as opened:
            image = opened.convert("RGB")
        text = self._teacher.prompt.replace("{question}", question)
        content = [{"type": "image", "image": image}, {"type": "text", "text": text}]
        inputs = self._processor.apply_chat_template(
            [{"role": "user", "content": content}],
            add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt",
        )  # fmt: skip
        with torch.inference_mode():
            self._model.generate(
                **inputs, max_new_tokens=1, do_sample=False, output_scores=True, return_dict_in_generate=True
            )


def ray_data_llm(teacher: VllmTeacher, extract: ExtractConfig, questions: list[str], images: Sequence[bytes]) -> float:
    """Answers a second of `ray.data.llm`, one row a prompt, with as many engines as the machine has cores.

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
    return rate_after_first(ended, answered)


def rate_after_first(ended: Sequence[float], answered: Sequence[int]) -> float:
    """Answers a second of a run, from the times at which its batches ended.

    What came before the first batch's end (loading, warm-up) is left out, and so is that batch.
    """
    order = np.argsort(ended)
    times, counts = np.array(ended)[order], np.array(answered)[order]
    return float(counts[1:].sum() / max(times[-1] - times[0], 1e-9))
