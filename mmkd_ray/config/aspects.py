"""Which questions are asked about the images, who proposes them, and how they are chosen."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from mmkd_ray.config.base import EndpointUrl, Fraction, Section, Seed

ByEvidence = Literal["information", "mrmr"]
"""How questions are ranked by the teacher's answers on a pilot sample. `information`: by the mutual information of
answer and class. `mrmr`: by that information divided by the redundancy with better questions (minimum redundancy,
maximum relevance)."""


class _Llm(Section):
    """Settings that both kinds of LLM share."""

    kind: str
    model: str
    temperature: NonNegativeFloat = 0.0
    max_tokens: PositiveInt = 8192
    """Longest reply, in tokens; of a reply that is cut off there, the complete questions are used."""
    structured_output: bool = True
    """Request JSON of a fixed schema where the model's server supports it; if false, a reply may have any form."""


class OpenAiLlm(_Llm):
    """A model behind an OpenAI-compatible endpoint."""

    kind: Literal["openai"]
    model: str
    """The model's name at the endpoint."""
    base_url: EndpointUrl = "https://api.openai.com/v1"
    api_key_env: str = "OPENAI_API_KEY"
    """Environment variable that holds the key; the key itself is never stored or logged."""
    requests_per_minute: PositiveInt | None = None
    timeout_s: PositiveFloat = 300
    max_retries: NonNegativeInt = 5
    """Retries of a request after status 408, 409, 429, 5xx or a lost connection, with growing pauses or those that the
    endpoint asks for (Retry-After)."""


class VllmLlm(_Llm):
    """A text model that vLLM runs on the Ray cluster; it is loaded only to propose questions, then unloaded."""

    kind: Literal["vllm"]
    model: str
    """A folder with a Hugging Face checkpoint, or a model id on the hub."""
    revision: str | None = None
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    max_model_len: PositiveInt | None = None
    """Longest prompt and reply together, in tokens; the checkpoint's own limit if unset."""
    cpus: PositiveInt = 1
    """CPU cores of the model, if it runs without a GPU."""
    gpus: NonNegativeInt = 0
    """GPUs, all on one node, that the model is split over (tensor parallelism)."""
    kv_cache_gib: PositiveFloat = 1.0
    """Size of the key-value cache in GiB, if the model runs without a GPU."""
    engine_args: dict[str, Any] = {}
    """Passed to `vllm.LLM`."""
    trust_remote_code: bool = False
    """Whether Python code from the checkpoint may be executed."""


class QuestionRules(Section):
    """Which of the questions that an LLM proposes are accepted."""

    max_characters: PositiveInt = 160
    allow_class_names: bool = False
    """Whether a question may name a class: it would give the label away."""
    duplicate_above: Fraction = 0.8
    """Two questions whose content words are at least this similar (0 to 1) count as duplicates."""


Topic = Literal["shape", "colour", "marking", "scene"]
"""What a question of the embedded data set is about: the first three are the bird's plumage and build."""


SubjectKind = Literal["image", "box", "box_in_context"]
"""What a question is about."""


class _Asked(Section):
    """What the questions are about."""

    subject: SubjectKind = "image"
    """What the teacher is shown with a question: the whole `image`; or, where images have boxes, each object by itself:
    cut out as a square (`box`), or in the whole picture with a red line around it (`box_in_context`)."""
    box_margin: Fraction = 0.15
    """Of `subject: box`: how much of the picture is seen on each side of a box, as a share of its longer side."""
    min_box_side: NonNegativeFloat = 8
    """In pixels: boxes with a shorter side are not asked about; no aspects are learnt from them."""
    weighting: Literal["uniform", "information"] = "uniform"
    """What a question counts in the aspect loss, beside its own `weight`. `information`: what its answer tells about
    the class in the pilot, in bits, scaled so that the mean over the Q questions is 1, whatever Q is; for questions
    that are chosen by evidence (`select`)."""

    @model_validator(mode="after")
    def _weights_have_evidence(self) -> Self:
        if self.weighting == "information" and getattr(self, "select", None) not in ("information", "mrmr"):
            raise ValueError("aspects.weighting: information needs aspects.select: mrmr, or information")
        return self


class FieldGuideAspects(_Asked):
    """The questions that come with the embedded data set."""

    source: Literal["fieldguide"]
    topics: tuple[Topic, ...] = ()
    """Only questions about these. Empty: all."""
    count: PositiveInt | None = None
    """Q: number of questions; the first Q are asked. Unset: all."""
    select: Literal["file", "random", ByEvidence] = "file"
    """The order from which the first Q are taken: the data set's (`file`), by evidence (`information`, `mrmr`; see
    `pilot`), or `random` as a control."""
    select_seed: Seed = 0
    """Seed of the random order."""


class FileAspects(_Asked):
    """Questions from a YAML file: a list of texts, or of `{question: ..., orientation_sensitive: true}`."""

    source: Literal["file"]
    path: str
    count: PositiveInt | None = None
    """Q: number of questions; the first Q are asked. Unset: all."""
    select: Literal["file", "random", ByEvidence] = "file"
    """The order from which the first Q are taken: the file's (`file`), by evidence (`information`, `mrmr`; see
    `pilot`), or `random` as a control."""
    select_seed: Seed = 0
    """Seed of the random order."""


_JSON = (
    "Each question must be answerable by Yes or No from one image alone, have at most {max_characters} characters and "
    'not name any class. Reply with JSON alone: {"questions": ["...", "..."]}.'
)


class LlmAspects(_Asked):
    """Questions that an LLM proposes; `mmkd aspects` asks it and writes `aspects.yaml`."""

    source: Literal["llm"]
    llm: Annotated[OpenAiLlm | VllmLlm, Discriminator("kind")]
    candidates: PositiveInt = 100
    """N: number of questions to propose."""
    count: PositiveInt = 50
    """Q: number of questions to select."""
    select: Literal["llm", ByEvidence] = "llm"
    """How Q of N are selected: by the LLM, as in the paper, or by evidence (see `pilot`)."""
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
    """Appended to `propose_prompt` when some questions are accepted and more are needed."""
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
    """Asks which questions are orientation-sensitive; those with the word `left` or `right` always are."""
    classes_per_prompt: PositiveInt = 200
    """Longer class lists are split; the LLM is asked for a share of the questions for each part."""
    max_rounds: PositiveInt = 4
    """How often the LLM is asked for missing questions before the run fails."""

    @model_validator(mode="after")
    def _can_be_selected(self) -> Self:
        if self.count > self.candidates:
            raise ValueError(
                f"aspects.count ({self.count}) is more than aspects.candidates ({self.candidates}): raise candidates"
            )
        for name, required in (
            ("propose_prompt", ("{count}", "{class_list}")),
            ("more_prompt", ("{questions}",)),
            ("select_prompt", ("{count}", "{questions}")),
            ("orientation_prompt", ("{questions}",)),
        ):
            if missing := [placeholder for placeholder in required if placeholder not in getattr(self, name)]:
                raise ValueError(f"aspects.{name} must contain {' and '.join(missing)}")
        return self


Aspects = Annotated[FieldGuideAspects | FileAspects | LlmAspects, Field(discriminator="source")]
"""Where the questions come from, by `source`."""


class PilotConfig(Section):
    """The sample of images on which questions are scored before all images are asked about (`mmkd aspects score`)."""

    images: PositiveInt = 240
    """Number of training images, spread evenly over the classes."""
    seed: Seed = 0
    """Seed of the sample."""
    paraphrase: str | None = None
    """Second wording of the questions that have no `paraphrase`, e.g. `Look at the image: {question}`; the answers to
    both wordings are compared. Unset: no comparison for these questions."""
    flip: bool = True
    """Whether the questions are also asked about the horizontally flipped images."""
    bootstrap: PositiveInt = 200
    """Bootstrap resamples for the confidence interval of a question's class information."""
    dead_below: Fraction = 0.1
    """A question is `dead` if all images get the same answer and P(yes) has a standard deviation below this."""
    redundant_above: Fraction = 0.8
    """A question is `redundant` if one better question explains more than this share of its variance (r squared)."""
    unstable_above: Fraction = 0.25
    """A question is `unstable` if P(yes) changes between two wordings by more than this (mean over the images), or by
    more than its standard deviation over the images."""

    @model_validator(mode="after")
    def _paraphrase_has_the_question(self) -> Self:
        if self.paraphrase is not None and "{question}" not in self.paraphrase:
            raise ValueError(f"pilot.paraphrase must contain {{question}}, got '{self.paraphrase}'")
        return self
