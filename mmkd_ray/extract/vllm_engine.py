"""The teacher in vLLM, in the caller's process. The one file of this project that imports vllm."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from mmkd_ray.cluster.cores import claim_cores
from mmkd_ray.config import ExtractConfig, TeacherConfig
from mmkd_ray.data.decode import decode_rgb
from mmkd_ray.errors import TeacherError
from mmkd_ray.extract.checkpoint import resolve
from mmkd_ray.extract.engine import Answers
from mmkd_ray.extract.prompts import prompt_tokens, single_token

_REASON_LENGTH = 500
"""Characters of vLLM's own words that an error keeps."""


class VllmEngine:
    """Loads the teacher when it is made; one of these a process."""

    def __init__(self, teacher: TeacherConfig, extract: ExtractConfig) -> None:
        model = resolve(teacher)
        if not extract.gpus_per_actor:
            _bind_to_cores(extract.cpus_per_actor)
        # vllm takes 15 s to import and reads its environment while it does: here, not at the top.
        try:
            from transformers import AutoProcessor  # noqa: PLC0415
            from vllm import LLM, SamplingParams  # noqa: PLC0415
            from vllm.exceptions import VLLMError  # noqa: PLC0415
        except ImportError as error:
            raise TeacherError(f"vLLM cannot be imported: {error}; install mmkd-ray[cpu] or mmkd-ray[gpu]") from error

        self._template = teacher.prompt
        self._refusal = VLLMError
        try:
            self._processor = AutoProcessor.from_pretrained(
                model, revision=teacher.revision, trust_remote_code=teacher.trust_remote_code
            )
            self._token_ids = self._find_tokens(teacher)
            self._llm = LLM(model=model, **_engine_args(teacher, extract))
        except (ImportError, OSError, ValueError, RuntimeError, VLLMError) as error:
            raise TeacherError(f"the teacher '{teacher.model}' cannot be loaded: {_reason(error)}") from error
        self._sampling = SamplingParams(
            temperature=0, max_tokens=1, logprob_token_ids=list(self._token_ids), detokenize=False
        )

    def answer(self, images: Sequence[bytes], questions: Sequence[str]) -> Answers:
        """Ask every question about every encoded image (RGB, first frame, as a person sees it)."""
        prompts_Q = [prompt_tokens(self._processor, self._template, question) for question in questions]
        prompts: list[Any] = []
        for encoded in images:
            data = {"image": decode_rgb(encoded)}
            # Otherwise vLLM hashes the pixels again for every question to find that it has seen the image.
            uuids = {"image": hashlib.sha256(encoded).hexdigest()}
            prompts += [
                {"prompt_token_ids": tokens, "multi_modal_data": data, "multi_modal_uuids": uuids}
                for tokens in prompts_Q
            ]
        try:
            outputs = self._llm.generate(prompts, self._sampling, use_tqdm=False)
        except (ValueError, self._refusal) as error:
            raise TeacherError(f"the teacher cannot be asked: {_reason(error)}") from error
        log_p_NQA = np.array([self._answer_logprobs(output) for output in outputs], dtype=np.float32).reshape(
            len(images), len(questions), 2
        )
        return Answers(log_p_yes_NQ=log_p_NQA[..., 0], log_p_no_NQ=log_p_NQA[..., 1])

    def _find_tokens(self, teacher: TeacherConfig) -> tuple[int, int]:
        tokenizer = self._processor.tokenizer
        return single_token(tokenizer, teacher.yes_token), single_token(tokenizer, teacher.no_token)

    def _answer_logprobs(self, output: Any) -> list[float]:
        first_token = output.outputs[0].logprobs[0]
        return [first_token[token].logprob for token in self._token_ids]


def _reason(error: Exception) -> str:
    """One line of an error: pydantic's, which vLLM raises, say only on their second line what is wrong."""
    lines = [line.strip() for line in str(error).splitlines() if "For further information" not in line]
    return " ".join(filter(None, lines))[:_REASON_LENGTH] or type(error).__name__


def _bind_to_cores(count: int) -> None:
    """Make vLLM and everything else in this process use the cores claimed.

    `VLLM_CPU_OMP_THREADS_BIND` alone binds OpenMP's threads only: two engines on one machine then fight for cores
    (160-190 answers/s each instead of 567).
    """
    cores = claim_cores(count)
    os.sched_setaffinity(0, cores)
    os.environ["OMP_NUM_THREADS"] = str(len(cores))
    os.environ["VLLM_CPU_OMP_THREADS_BIND"] = ",".join(map(str, sorted(cores)))
    # vLLM compiles one small function, whatever the model: 20 s for the first answer, 3 s with a warm cache, no gain.
    os.environ["TORCH_COMPILE_DISABLE"] = "1"
    # It would overrule `kv_cache_memory_bytes`, and vLLM reads whole GiB only from it.
    os.environ.pop("VLLM_CPU_KVCACHE_SPACE", None)
    # Without extra processes a small model loads in 3 s instead of 37.
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    # vLLM repeats a warning for every prompt; someone who looks for a fault sets the level.
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    import torch  # noqa: PLC0415

    # Where torch was imported earlier, it did not see OMP_NUM_THREADS: two threads on one core wait for each other
    # (90 answers/s instead of 700).
    torch.set_num_threads(len(cores))


def _engine_args(teacher: TeacherConfig, extract: ExtractConfig) -> dict[str, Any]:
    args: dict[str, Any] = {
        "revision": teacher.revision,
        "tokenizer_revision": teacher.revision,
        "dtype": teacher.dtype,
        "max_model_len": teacher.max_model_len,
        "trust_remote_code": teacher.trust_remote_code,
        "mm_processor_kwargs": teacher.processor_args or None,
        "limit_mm_per_prompt": {"image": 1, "video": 0},
        "load_format": "safetensors",
        "enable_prefix_caching": True,
        # All questions of an image are asked in a row: vLLM's 4 GiB of prepared images would only be lost to others.
        "mm_processor_cache_gb": 1,
        "tensor_parallel_size": extract.tensor_parallel_size,
        "seed": 0,
    }
    if extract.gpus_per_actor:
        args["gpu_memory_utilization"] = extract.gpu_memory_utilization
    else:
        # Compiling for a CPU takes longer than it saves on a run of minutes.
        args["enforce_eager"] = True
        args["kv_cache_memory_bytes"] = round(extract.kv_cache_gib * 2**30)
    return args
