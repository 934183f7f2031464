"""The teacher, and the LLM that proposes questions, in vLLM. The only file of this project that imports vllm."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np

from mmkd_ray.answers.probability import Answers
from mmkd_ray.answers.teacher import resolve
from mmkd_ray.cluster.computing import prepare_to_compute
from mmkd_ray.cluster.cores import claim_cores
from mmkd_ray.config import ExtractConfig, VllmLlm, VllmTeacher
from mmkd_ray.data.decode import decode_rgb
from mmkd_ray.errors import AspectError, DataError, TeacherError, explain, innermost_cause
from mmkd_ray.extract.engines.tokens import AnswerTokens, Spelling, answer_tokens, spellings
from mmkd_ray.extract.engines.vllm.processor import check_prompts, load_processor, refuse_control_tokens, try_processor
from mmkd_ray.extract.engines.vllm.prompts import prompt_tokens, with_other_question
from mmkd_ray.extract.engines.vllm.thread import EngineThread, PendingAnswers, Request, Sampling

_COARSE = 0.25
"""Tolerance in nats for dtypes of 16 bits or less. In bfloat16 the logits between 16 and 32, a usual range, are rounded
to multiples of 0.125, and two of them enter a log-probability. On GPUs, prefix-cache hits were reported to change it by
0.06."""
_TOLERANCES = {"float32": 0.01}
"""Tolerances by dtype. In float32, the largest difference measured without a fault is 4e-5, with a fault 0.09."""


class VllmEngine:
    """Loads the teacher in its constructor; only one per process at a time.

    Args:
        teacher: what is loaded, and how it is asked.
        extract: where it runs.
        questions: what it will be asked, if known; checked before the weights are loaded.

    Raises:
        TeacherError: the teacher cannot be loaded, or the questions cannot be asked as they are meant.
    """

    def __init__(self, teacher: VllmTeacher, extract: ExtractConfig, questions: Sequence[str] = ()) -> None:
        model = resolve(teacher)
        self._teacher = teacher
        self._in_process = not extract.gpus_per_actor
        if self._in_process:
            bind_to_cores(extract.cpus_per_actor)
        self._processor = load_processor(teacher)
        self._tokens = answer_tokens(self._processor.tokenizer, teacher)
        check_prompts(self._processor, teacher, questions)
        try_processor(self._processor, teacher)
        # Imported here, not at the top: the import takes 15 s, and reads the environment that was just set.
        try:
            from vllm import LLM  # noqa: PLC0415
            from vllm.exceptions import VLLMError  # noqa: PLC0415
        except ImportError as error:
            raise TeacherError(f"vLLM cannot be imported: {error}; install mmkd-ray[cpu] or mmkd-ray[gpu]") from error

        self._refusals = (ValueError, VLLMError)
        self._rendering = threading.Lock()
        self._sampling = _sampling(self._tokens)
        try:
            self._thread = EngineThread(
                make=lambda: LLM(model=model, **engine_args(teacher, extract)).llm_engine, refusals=self._refusals
            )
        # A checkpoint can make vLLM raise any exception, and would again: loading it a second time is no use.
        except Exception as error:
            raise TeacherError(f"the teacher '{teacher.model}' cannot be loaded: {explain(error)}") from error
        self._check_attention(teacher)

    def answer(self, images: Sequence[bytes], questions: Sequence[str]) -> Answers:
        """Ask every question about every encoded image (RGB, first frame, as a person sees it)."""
        return self._ask(images, questions, self._sampling)

    def answer_alone(self, images: Sequence[bytes], questions: Sequence[str]) -> Answers:
        """As `answer`, but one cell at a time, without reading the prefix cache."""
        sampling = _sampling(self._tokens, skip_reading_prefix_cache=True)
        cells = [[self._ask([image], [question], sampling) for question in questions] for image in images]
        return Answers(
            np.block([[cell.log_p_yes_NQ for cell in row] for row in cells]),
            np.block([[cell.log_p_no_NQ for cell in row] for row in cells]),
            {row: reason for row, image in enumerate(cells) for cell in image for reason in cell.failed.values()},
        )

    def answer_spelled(self, spelling: Spelling, images: Sequence[bytes], questions: Sequence[str]) -> Answers:
        """As `answer`, but with other tokens for the two answers."""
        return self._ask(images, questions, _sampling(spelling.tokens))

    def spellings(self) -> list[Spelling]:
        """Ways to write the two answers as single tokens of the teacher's tokenizer."""
        return spellings(self._processor.tokenizer, self._teacher)

    @property
    def tolerance(self) -> float:
        """Largest change of a log-probability, in nats, that is explained by rounding."""
        return _TOLERANCES.get(str(self._thread.renderer.model_config.dtype).removeprefix("torch."), _COARSE)

    def _ask(self, images: Sequence[bytes], questions: Sequence[str], sampling: Sampling) -> Answers:
        refuse_control_tokens(self._processor, self._teacher, questions)
        prompts_Q = [prompt_tokens(self._processor, self._teacher, question) for question in questions]
        answers = PendingAnswers(len(images), len(questions))
        for row, encoded in enumerate(images):
            try:
                data = self._image_data(encoded)
                # vLLM's cache of prepared images requires requests in the order in which they were prepared.
                with self._rendering:
                    for column, prompt in enumerate(self._render(data, prompts_Q)):
                        self._thread.submit(Request(answers, row, column, prompt, sampling))
            except (DataError, *self._refusals) as error:
                answers.fail_image(row, innermost_cause(error))
        return answers.wait()

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


def _sampling(tokens: AnswerTokens, **more: Any) -> Sampling:
    from vllm import SamplingParams  # noqa: PLC0415
    from vllm.sampling_params import RequestOutputKind  # noqa: PLC0415

    params = SamplingParams(
        temperature=0,
        max_tokens=1,
        logprob_token_ids=tokens.all,
        detokenize=False,
        output_kind=RequestOutputKind.FINAL_ONLY,
        **more,
    )
    return Sampling(params, partial(_read_answer, tokens))


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
        model = LLM(model=resolve(llm), **args | llm.engine_args)
    except Exception as error:
        raise AspectError(f"the LLM '{llm.model}' (aspects.llm.model) cannot be loaded: {explain(error)}") from error

    def ask(prompt: str, schema: dict[str, Any] | None) -> tuple[str, bool]:
        params = SamplingParams(
            temperature=llm.temperature,
            max_tokens=llm.max_tokens,
            seed=0,
            structured_outputs=StructuredOutputsParams(json=schema) if schema else None,
        )
        try:
            output = model.chat([{"role": "user", "content": prompt}], params, use_tqdm=False)[0].outputs[0]
        # A chat template is a program: it can raise any exception.
        except Exception as error:
            raise ValueError(innermost_cause(error)) from error
        return output.text, output.finish_reason == "length"

    return ask
