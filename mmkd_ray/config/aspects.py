"""Which questions are asked about the images, who proposes them, and how they are chosen."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from mmkd_ray.config.base import Fraction, Section

ByEvidence = Literal["information", "mrmr"]
"""Orders of questions by the teacher's answers on a pilot sample: by what an answer says about the class, or by that
over how much it repeats better questions (minimum redundancy, maximum relevance)."""


class _Llm(Section):
    """What both kinds of LLM have in common."""

    kind: str
    model: str
    temperature: NonNegativeFloat = 0.0
    max_tokens: PositiveInt = 8192
    """Longest reply; one that is cut off there is used as far as it goes."""
    structured_output: bool = True
    """Ask for JSON of a fixed schema where the model's server supports it; without, a reply is read as it comes."""


class OpenAiLlm(_Llm):
    """A model behind an OpenAI-compatible endpoint."""

    kind: Literal["openai"]
    model: str
    """The model's name at the endpoint."""
    base_url: str = "https://api.openai.com/v1"
    api_key_env: str = "OPENAI_API_KEY"
    """Environment variable that holds the key; the key itself is written nowhere."""
    requests_per_minute: PositiveInt | None = None
    timeout_s: PositiveFloat = 300
    max_retries: NonNegativeInt = 5
    """Times that a request is sent again after a 408, 409, 429, 5xx or a lost connection, with growing pauses, or
    those that the endpoint asks for (Retry-After)."""


class VllmLlm(_Llm):
    """A text model that vLLM runs on the Ray cluster; it is loaded for the questions alone and then gone."""

    kind: Literal["vllm"]
    model: str
    """A folder with a Hugging Face checkpoint, or a model id on the hub."""
    revision: str | None = None
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    max_model_len: PositiveInt | None = None
    """Longest prompt and reply together, in tokens; the checkpoint's own limit if unset."""
    cpus: PositiveInt = 1
    """Cores of the model where it runs without a GPU."""
    gpus: NonNegativeInt = 0
    """GPUs, all on one node, that the model is spread over (tensor parallelism)."""
    kv_cache_gib: PositiveFloat = 1.0
    """Memory of the key-value cache of a model that runs without a GPU, in GiB."""
    engine_args: dict[str, Any] = {}
    """Passed to `vllm.LLM`."""
    trust_remote_code: bool = False
    """Whether Python code that comes with a checkpoint may run."""


class QuestionRules(Section):
    """Which of the questions that an LLM proposes are accepted."""

    max_characters: PositiveInt = 160
    allow_class_names: bool = False
    """Whether a question may name a class: it would give the label away."""
    duplicate_above: Fraction = 0.8
    """Similarity of content words (0 to 1) from which on two questions are one question in two wordings."""


class FieldGuideAspects(Section):
    """The questions that the embedded data set brings along."""

    source: Literal["fieldguide"]
    count: PositiveInt | None = None
    """Q: the first so many questions are asked; all of them if unset."""
    select: Literal["file", "random", ByEvidence] = "file"
    """The order of which the first Q are taken: their own (`file`), by evidence (see `pilot`), or, as a control,
    `random`."""
    select_seed: int = 0
    """Which random order."""


class FileAspects(Section):
    """Questions from a YAML file: a list of texts, or of `{question: ..., orientation_sensitive: true}`."""

    source: Literal["file"]
    path: str
    count: PositiveInt | None = None
    """Q: the first so many questions are asked; all of them if unset."""
    select: Literal["file", "random", ByEvidence] = "file"
    """The order of which the first Q are taken: the file's own (`file`), by evidence (see `pilot`), or, as a control,
    `random`."""
    select_seed: int = 0
    """Which random order."""


_JSON = (
    "Each question must be answerable by Yes or No from one image alone, have at most {max_characters} characters and "
    'not name any class. Reply with JSON alone: {"questions": ["...", "..."]}.'
)


class LlmAspects(Section):
    """Questions that an LLM proposes; `mmkd aspects` asks it and writes `aspects.yaml`."""

    source: Literal["llm"]
    llm: Annotated[OpenAiLlm | VllmLlm, Discriminator("kind")]
    candidates: PositiveInt = 100
    """N: questions that are proposed."""
    count: PositiveInt = 50
    """Q: questions that are selected."""
    select: Literal["llm", ByEvidence] = "llm"
    """Who selects: the LLM, as in the paper, or the evidence (see `pilot`)."""
    description: str = ""
    """One line about the data set, for the LLM."""
    rules: QuestionRules = QuestionRules()
    propose_prompt: str = (
        "The data set consists of {classes} classes and {images} images. {description}\n"
        "The class list is: {class_list}.\n"
        "Generate {count} feature-specific yes-or-no questions, focusing on clear and distinct aspects of the objects "
        "in the images.\n" + _JSON
    )
    """The first instruction of the paper (section 3.1)."""
    more_prompt: str = "\nThese are already there; write others:\n{questions}"
    """Added to it when some are there and more are needed."""
    select_prompt: str = (
        "The data set consists of {classes} classes and {images} images. {description}\n"
        "The class list is: {class_list}.\n"
        "Select {count} of the most relevant and distinct questions from the list below, focusing on key features "
        "that distinguish different classes in the data set. Copy them word for word, the most important first.\n"
        "{questions}\n"
        'Reply with JSON alone: {"questions": ["...", "..."]}.'
    )
    """The second instruction of the paper."""
    orientation_prompt: str = (
        "An image is flipped horizontally, so that left and right change places. Copy word for word those of the "
        "questions below whose answer can change by that; none, if there is none.\n"
        "{questions}\n"
        'Reply with JSON alone: {"questions": ["...", "..."]}.'
    )
    """Asks which questions are orientation-sensitive; those that say `left` or `right` always are."""
    classes_per_prompt: PositiveInt = 200
    """Longer class lists are split: each part is asked for its share of the questions."""
    max_rounds: PositiveInt = 4
    """Times that the LLM is asked for the questions that are missing before the run fails."""

    @model_validator(mode="after")
    def _can_be_selected(self) -> Self:
        if self.count > self.candidates:
            raise ValueError(f"count ({self.count}) is more than candidates ({self.candidates})")
        for name, wanted in (
            ("propose_prompt", ("{count}", "{class_list}")),
            ("more_prompt", ("{questions}",)),
            ("select_prompt", ("{count}", "{questions}")),
            ("orientation_prompt", ("{questions}",)),
        ):
            if missing := [place for place in wanted if place not in getattr(self, name)]:
                raise ValueError(f"{name} must contain {' and '.join(missing)}")
        return self


Aspects = Annotated[FieldGuideAspects | FileAspects | LlmAspects, Field(discriminator="source")]
"""Which questions, by `source`."""


class PilotConfig(Section):
    """The sample of images on which questions are scored before all images are asked about (`mmkd aspects score`)."""

    images: PositiveInt = 240
    """Training images, the same number of every class as far as it goes."""
    seed: int = 0
    """Which of them."""
    paraphrase: str | None = None
    """Another wording for the questions that bring none, e.g. `Look at the image: {question}`; the answers to both
    are compared. Unset: no comparison for these."""
    flip: bool = True
    """Whether the questions are asked about the flipped images too."""
    bootstrap: PositiveInt = 200
    """Resamples behind the interval of a question's class information."""
    dead_below: Fraction = 0.1
    """Standard deviation of P(yes) below which a question is dead if all images get the same answer."""
    redundant_above: Fraction = 0.8
    """Share of a question's variance that one better question explains (r squared) from which on it is redundant."""
    unstable_above: Fraction = 0.25
    """Mean change of P(yes) between two wordings above which the teacher does not know what it is asked; so is a
    change that is larger than the standard deviation over the images."""

    @model_validator(mode="after")
    def _paraphrase_has_the_question(self) -> Self:
        if self.paraphrase is not None and "{question}" not in self.paraphrase:
            raise ValueError("paraphrase must contain {question}")
        return self
