"""The teacher, and the LLM that proposes questions, in vLLM. The only file of this project that imports vllm."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from mmkd_ray.answers.probability import Answers
from mmkd_ray.answers.teacher import resolve
from mmkd_ray.cluster.computing import prepare_to_compute
from mmkd_ray.cluster.cores import claim_cores
from mmkd_ray.config import ExtractConfig, VllmLlm, VllmTeacher
from mmkd_ray.data.decode import decode_rgb
from mmkd_ray.errors import AspectError, DataError, TeacherError
from mmkd_ray.extract.engines.tokens import AnswerTokens, answer_tokens
from mmkd_ray.extract.engines.vllm.prompts import prompt_tokens, with_other_question
from mmkd_ray.extract.engines.vllm.thread import Batch, EngineThread, Request, one_line


class VllmEngine:
    """Loads the teacher in its constructor; only one per process at a time."""

    def __init__(self, teacher: VllmTeacher, extract: ExtractConfig) -> None:
        model = resolve(teacher)
        self._in_process = not extract.gpus_per_actor
        if self._in_process:
            bind_to_cores(extract.cpus_per_actor)
        # Imported here, not at the top: the import takes 15 s, and reads the environment that was just set.
        try:
            from transformers import AutoProcessor  # noqa: PLC0415
            from vllm import LLM, SamplingParams  # noqa: PLC0415
            from vllm.exceptions import VLLMError  # noqa: PLC0415
            from vllm.sampling_params import RequestOutputKind  # noqa: PLC0415
        except ImportError as error:
            raise TeacherError(f"vLLM cannot be imported: {error}; install mmkd-ray[cpu] or mmkd-ray[gpu]") from error

        self._template = teacher.prompt
        self._refusals = (ValueError, VLLMError)
        self._rendering = threading.Lock()
        try:
            self._processor = AutoProcessor.from_pretrained(
                model, revision=teacher.revision, trust_remote_code=teacher.trust_remote_code
            )
            tokens = answer_tokens(self._processor.tokenizer, teacher)
            params = SamplingParams(
                temperature=0,
                max_tokens=1,
                logprob_token_ids=tokens.all,
                detokenize=False,
                output_kind=RequestOutputKind.FINAL_ONLY,
            )
            self._thread = EngineThread(
                make=lambda: LLM(model=model, **engine_args(teacher, extract)).llm_engine,
                params=params,
                read=partial(_read_answer, tokens),
                refusals=self._refusals,
            )
        except (ImportError, OSError, ValueError, TypeError, RuntimeError, VLLMError) as error:
            raise TeacherError(f"the teacher '{teacher.model}' cannot be loaded: {one_line(error)}") from error
        self._check_attention(teacher)

    def answer(self, images: Sequence[bytes], questions: Sequence[str]) -> Answers:
        """Ask every question about every encoded image (RGB, first frame, as a person sees it)."""
        prompts_Q = [prompt_tokens(self._processor, self._template, question) for question in questions]
        batch = Batch(len(images), len(questions))
        for row, encoded in enumerate(images):
            try:
                data = self._image_data(encoded)
                # vLLM's cache of prepared images requires requests in the order in which they were prepared.
                with self._rendering:
                    for column, prompt in enumerate(self._render(data, prompts_Q)):
                        self._thread.submit(Request(batch, row, column, prompt))
            except (DataError, *self._refusals) as error:
                batch.fail_image(row, one_line(error))
        return batch.wait()

    def counts(self) -> dict[str, float]:
        """See `thread.Counts`."""
        return asdict(self._thread.counts)

    def close(self) -> None:
        """Release the engine, so that another one can be created in this process."""
        self._thread.close()

    def _check_attention(self, teacher: VllmTeacher) -> None:
        """Refuse teachers that vLLM would run wrongly.

        On a CPU it lacks bidirectional attention over image tokens, which Gemma 3 and PaliGemma need. Measured on a
        small Gemma 3 against the forward pass of transformers: P(yes) is off by 0.03 with 4 tokens per image and by 0.1
        with 16, without any warning.
        """
        if self._in_process and self._thread.renderer.model_config.is_mm_prefix_lm:
            self.close()
            raise TeacherError(
                f"the teacher '{teacher.model}' would answer wrongly on a CPU: it needs bidirectional attention over "
                "image tokens, which vLLM supports only on GPUs; set extract.gpus_per_actor, or choose another teacher"
            )

    def _image_data(self, encoded: bytes) -> dict[str, Any]:
        return {
            "multi_modal_data": {"image": decode_rgb(encoded)},
            # Without it, vLLM would hash the pixels for every question to recognise the image.
            "multi_modal_uuids": {"image": hashlib.sha256(encoded).hexdigest()},
        }

    def _render(self, data: dict[str, Any], prompts_Q: list[list[int]]) -> Iterator[Any]:
        """The processor's output for each question.

        For an engine in this process, the processor runs once per image, and all other questions reuse the image's part
        of the output. For an engine in another process it must run for every question: the cache of prepared images
        between the two processes has two ends, which would otherwise differ.
        """
        first: dict[str, Any] = {}
        for tokens in prompts_Q:
            shared = None
            if first:
                shared = with_other_question(first["prompt_token_ids"], _image_end(first), prompts_Q[0], tokens)
            if shared is not None:
                yield {**first, "prompt_token_ids": shared}
                continue
            prompt: Any = {"prompt_token_ids": tokens, **data}
            rendered: Any = self._thread.renderer.render_cmpl([prompt])[0]
            if self._in_process and not first:
                first = rendered
            yield rendered


def _image_end(rendered: Any) -> int:
    return max(place.offset + place.length for place in rendered["mm_placeholders"]["image"])


def _read_answer(tokens: AnswerTokens, output: Any) -> tuple[float, float]:
    return tokens.log_p({token: entry.logprob for token, entry in output.outputs[0].logprobs[0].items()})


def bind_to_cores(count: int) -> None:
    """Claim cores, and bind vLLM and everything else in this process to them.

    `VLLM_CPU_OMP_THREADS_BIND` alone would bind only OpenMP's threads: then two engines on one machine compete for
    cores (160-190 answers/s each instead of 567).
    """
    cores = claim_cores(count)
    os.sched_setaffinity(0, cores)
    os.environ["OMP_NUM_THREADS"] = str(len(cores))
    os.environ["VLLM_CPU_OMP_THREADS_BIND"] = ",".join(map(str, sorted(cores)))
    # vLLM compiles one small function, whatever the model: 20 s for the first answer, 3 s with a warm cache, no gain.
    os.environ["TORCH_COMPILE_DISABLE"] = "1"
    # It would override `kv_cache_memory_bytes`, and can only be whole GiB.
    os.environ.pop("VLLM_CPU_KVCACHE_SPACE", None)
    # Without extra processes a small model loads in 3 s instead of 37.
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    # vLLM repeats a warning for every prompt; set the variable to see its messages.
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    # If torch was imported before, it has not read OMP_NUM_THREADS.
    prepare_to_compute(len(cores))


def engine_args(teacher: VllmTeacher, extract: ExtractConfig) -> dict[str, Any]:
    """Arguments of `vllm.LLM`, except the model."""
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
        # All questions about an image are asked in a row: vLLM's default, 4 GiB of prepared images, would waste memory.
        "mm_processor_cache_gb": 1,
        "tensor_parallel_size": extract.tensor_parallel_size,
        "seed": 0,
    }
    return args | _device_args(extract) | extract.engine_args | teacher.engine_args


def _device_args(extract: ExtractConfig) -> dict[str, Any]:
    if extract.gpus_per_actor:
        share = min(extract.gpus_per_actor, 1)
        args: dict[str, Any] = {"gpu_memory_utilization": extract.gpu_memory_utilization or 0.9 * share}
        if extract.tensor_parallel_size > 1:
            args["distributed_executor_backend"] = "ray"  # in the actor's placement group
        return args
    return {
        # Compiling for a CPU takes longer than it saves on a run of minutes.
        "enforce_eager": True,
        "kv_cache_memory_bytes": round(extract.kv_cache_gib * 2**30),
        # The smallest block that vLLM supports on a CPU: only whole blocks are shared between the questions of an
        # image. With the default of 128 tokens most images would be prefilled again for every question.
        "block_size": 32,
    }


def load_text_model(llm: VllmLlm) -> Callable[[str, dict[str, Any] | None], tuple[str, bool]]:
    """The LLM that proposes questions, in the caller's process.

    Returns:
        A function of a user's message and a JSON schema (or None): the reply, and whether it was cut off.

    Raises:
        AspectError: it cannot be loaded.
    """
    if not llm.gpus:
        bind_to_cores(llm.cpus)
    from vllm import LLM, SamplingParams  # noqa: PLC0415
    from vllm.exceptions import VLLMError  # noqa: PLC0415
    from vllm.sampling_params import StructuredOutputsParams  # noqa: PLC0415

    args: dict[str, Any] = {
        "revision": llm.revision,
        "tokenizer_revision": llm.revision,
        "dtype": llm.dtype,
        "max_model_len": llm.max_model_len,
        "trust_remote_code": llm.trust_remote_code,
        "load_format": "safetensors",
        "seed": 0,
    }
    args |= (
        {"tensor_parallel_size": llm.gpus}
        if llm.gpus
        else {"enforce_eager": True, "kv_cache_memory_bytes": round(llm.kv_cache_gib * 2**30)}
    )
    try:
        model = LLM(model=llm.model, **args | llm.engine_args)
    except (ImportError, OSError, ValueError, TypeError, RuntimeError, VLLMError) as error:
        raise AspectError(f"the LLM '{llm.model}' (aspects.llm.model) cannot be loaded: {one_line(error)}") from error

    def ask(prompt: str, schema: dict[str, Any] | None) -> tuple[str, bool]:
        params = SamplingParams(
            temperature=llm.temperature,
            max_tokens=llm.max_tokens,
            seed=0,
            structured_outputs=StructuredOutputsParams(json=schema) if schema else None,
        )
        try:
            output = model.chat([{"role": "user", "content": prompt}], params, use_tqdm=False)[0].outputs[0]
        except VLLMError as error:
            raise ValueError(str(error)) from error
        return output.text, output.finish_reason == "length"

    return ask
