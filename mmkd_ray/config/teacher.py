"""The teacher that answers the questions, and how it is asked."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, NonNegativeInt, PositiveFloat, PositiveInt, Tag, model_validator

from mmkd_ray.config.base import EndpointUrl, Section


class Asking(Section):
    """How a teacher is asked. Every key here can change the answers."""

    prompt: str = "{question} The answer must always be either Yes or No (do not provide any other response)."
    """Text of the user's message; `{question}` is replaced. The checkpoint's chat template is put around it."""
    yes_token: str = "Yes"  # noqa: S105 (a token of text)
    no_token: str = "No"  # noqa: S105
    """The two answers; each must be one token of the teacher's tokenizer."""
    tokens: Literal["canonical", "all_variants"] = "canonical"
    """`canonical`: only these two tokens, as in the paper. `all_variants`: every single token that spells an answer
    ("Yes", " Yes", "yes", "YES"); their probabilities are added."""
    chat_template_args: dict[str, Any] = {}
    """Passed to the checkpoint's chat template, e.g. `{enable_thinking: false}` for a model that thinks by default."""

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        if "{question}" not in self.prompt:
            raise ValueError(f"teacher.prompt: the prompt must contain {{question}}, got '{self.prompt}'")
        yes, no = _bare(self.yes_token), _bare(self.no_token)
        if not yes or not no:
            raise ValueError(
                f"teacher.yes_token is {self.yes_token!r} and no_token {self.no_token!r}; each must be a word, e.g. "
                "Yes and No"
            )
        if yes == no:
            raise ValueError(
                f"teacher.yes_token and no_token must differ by more than case and spaces, got {self.yes_token!r} and "
                f"{self.no_token!r}; e.g. Yes and No"
            )
        return self


def _bare(answer: str) -> str:
    """What variants of an answer have in common: see `extract.engines.tokens.is_variant`."""
    return answer.strip().casefold()


class VllmTeacher(Asking):
    """A checkpoint that vLLM runs on this cluster."""

    kind: Literal["vllm"] = "vllm"
    model: str = "fieldguide"
    """`fieldguide` (shipped with the package), a folder with a Hugging Face checkpoint, or a model id on the hub."""
    revision: str | None = None
    """Commit of a model on the hub; set it so that a rerun asks the same model."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    max_model_len: PositiveInt | None = None
    """Longest prompt in tokens, image included; unset: the checkpoint's limit. An image whose prompt is longer is
    quarantined."""
    processor_args: dict[str, Any] = {}
    """Passed to the checkpoint's image processor (e.g. `{max_patches: 1}`: one tile per image for InternVL)."""
    engine_args: dict[str, Any] = {}
    """Passed to `vllm.LLM`; for options that can change answers, e.g. `{quantization: fp8}`. For options that change
    only the speed see `extract.engine_args`."""
    trust_remote_code: bool = False
    """Whether Python code from the checkpoint may be executed."""


class OpenAiTeacher(Asking):
    """A model behind an OpenAI-compatible endpoint that returns log-probabilities."""

    kind: Literal["openai"]
    model: str
    """The model's name at the endpoint."""
    revision: str | None = None
    """Any text that names the model's version; change it when the endpoint serves another version."""
    base_url: EndpointUrl = "https://api.openai.com/v1"
    api_key_env: str = "OPENAI_API_KEY"
    """Environment variable of the actors that holds the key; the key itself is never stored or logged."""
    concurrency: PositiveInt = 32
    """Requests of one actor that are in flight at the same time."""
    requests_per_minute: PositiveInt | None = None
    """Limit for all actors together."""
    timeout_s: PositiveFloat = 120
    max_retries: NonNegativeInt = 8
    """Retries of a request after status 408, 409, 429, 5xx or a lost connection, with growing pauses."""


class ImportedTeacher(Section):
    """Answers made elsewhere, read by `mmkd import-teacher`."""

    kind: Literal["imported"]
    name: str
    """Name of the teacher that gave them; any text."""


class NoInferenceTeacher(Asking):
    """Answers instantly and at random: to measure the pipeline's maximum speed and to test failures, not to train."""

    kind: Literal["no_inference"]


def _kind(teacher: Any) -> str:
    return str(teacher.get("kind", "vllm")) if isinstance(teacher, dict) else teacher.kind


Teacher = Annotated[
    Annotated[VllmTeacher, Tag("vllm")]
    | Annotated[OpenAiTeacher, Tag("openai")]
    | Annotated[ImportedTeacher, Tag("imported")]
    | Annotated[NoInferenceTeacher, Tag("no_inference")],
    Discriminator(_kind),
]
"""The multimodal LLM that answers, by `kind`; `vllm` if unset."""
