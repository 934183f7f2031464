"""The sections of a configuration: strict, frozen, a docstring for each key.

`data`, `aspects`, `teacher`, `student`, `train`, `study` and `evaluate` decide numbers: they enter the fingerprints
that say what can be reused. `extract`, `cluster` and `storage` decide only where and how fast a run goes: never.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Tag,
    model_validator,
)

Fraction = Annotated[float, Field(ge=0, le=1)]
ArmName = Literal["ce", "makd", "random", "shuffled"]


class Section(BaseModel):
    """Base of all sections: unknown keys and wrong types are refused, values cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class FieldGuideData(Section):
    """The embedded data set: drawn birds of invented species."""

    source: Literal["fieldguide"]
    species_seed: int = 0
    """Which species exist."""
    image_seed: int = 0
    """Which individuals and scenes are drawn of them."""
    train_per_class: PositiveInt = 30
    val_per_class: PositiveInt = 10
    test_per_class: PositiveInt = 50
    shift_per_class: PositiveInt = 20
    """Images a species in the shift set: the same species in habitats that no training image shows."""


class FolderData(Section):
    """Ordinary images, one folder a class; or `train/`, `test/` (and `val/`, any shift set) each with class folders."""

    source: Literal["folder"]
    path: str
    """The folder: a local path or a URI that pyarrow reads (s3://, gs://)."""
    val_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """Share of the training images, class by class, cut off for validation where there is no `val/`."""
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Share of all images, class by class, cut off for the test where there is no `test/`."""
    split_seed: int = 0
    max_pixels: PositiveInt = 50_000_000
    """Larger images are quarantined (decompression bombs)."""


class FieldGuideAspects(Section):
    """The questions that the embedded data set brings along."""

    source: Literal["fieldguide"]
    count: PositiveInt | None = None
    """Q: the first so many questions are asked; all of them if unset."""


class FileAspects(Section):
    """Questions from a YAML file: a list of texts, or of `{question: ..., orientation_sensitive: true}`."""

    source: Literal["file"]
    path: str
    count: PositiveInt | None = None
    """Q: the first so many questions are asked; all of them if unset."""


class Asking(Section):
    """How any teacher is asked. All of it decides the answers."""

    prompt: str = "{question} The answer must always be either Yes or No (do not provide any other response)."
    """The user's text; `{question}` is replaced. The chat template around it is the checkpoint's own."""
    yes_token: str = "Yes"  # noqa: S105 (a token of text)
    no_token: str = "No"  # noqa: S105
    """The two answers, each one token of the teacher's tokenizer."""
    tokens: Literal["canonical", "all_variants"] = "canonical"
    """`canonical`: the two tokens alone, as in the paper. `all_variants`: every single token that spells an answer
    ("Yes", " Yes", "yes", "YES"), their probabilities added."""

    @model_validator(mode="after")
    def _has_question(self) -> Self:
        if "{question}" not in self.prompt:
            raise ValueError("the prompt must contain {question}")
        if self.yes_token == self.no_token:
            raise ValueError("yes_token and no_token must differ")
        return self


class VllmTeacher(Asking):
    """A checkpoint that vLLM runs on this cluster."""

    kind: Literal["vllm"] = "vllm"
    model: str = "fieldguide"
    """`fieldguide` (shipped with the package), a folder with a Hugging Face checkpoint, or a model id on the hub."""
    revision: str | None = None
    """Commit of a model on the hub; set it, so that a rerun asks the same model."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    max_model_len: PositiveInt | None = None
    """Longest prompt in tokens, image included; the checkpoint's own limit if unset. An image whose prompt is longer
    is quarantined."""
    processor_args: dict[str, Any] = {}
    """Passed to the checkpoint's image processor (e.g. `{max_patches: 1}`: one tile an image for InternVL)."""
    engine_args: dict[str, Any] = {}
    """Passed to `vllm.LLM` where it decides answers, e.g. `{quantization: fp8}`; see `extract.engine_args`."""
    trust_remote_code: bool = False
    """Whether Python code that comes with a checkpoint may run."""


class OpenAiTeacher(Asking):
    """A model behind an OpenAI-compatible endpoint that returns log-probabilities."""

    kind: Literal["openai"]
    model: str
    """The model's name at the endpoint."""
    revision: str | None = None
    """Whatever tells versions of the model apart; write another one when the endpoint serves another."""
    base_url: str = "https://api.openai.com/v1"
    api_key_env: str = "OPENAI_API_KEY"
    """Environment variable of the actors that holds the key; the key itself is written nowhere."""
    concurrency: PositiveInt = 32
    """Requests of one actor under way at a time."""
    requests_per_minute: PositiveInt | None = None
    """Limit of all actors together."""
    timeout_s: PositiveFloat = 120
    max_retries: NonNegativeInt = 8
    """Times that a request is sent again after a 408, 409, 429, 5xx or a lost connection, with growing pauses."""


class ImportedTeacher(Section):
    """Answers made elsewhere, read by `mmkd import-teacher`."""

    kind: Literal["imported"]
    name: str
    """Which teacher gave them, in words."""


class NoInferenceTeacher(Asking):
    """Answers at once and at random: to measure the pipeline's own ceiling and to test faults, never to learn from."""

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


class StudentConfig(Section):
    """The small vision model."""

    model: str = "resnet18"
    """Any timm model by name."""
    model_args: dict[str, Any] = {}
    """Passed to `timm.create_model`, e.g. `{layers: [1, 1, 1, 1]}`."""
    pretrained: bool = False
    """Start from timm's weights (downloaded from the hub) instead of from scratch."""
    image_size: PositiveInt = 224
    """Height and width in pixels."""


class TrainConfig(Section):
    """The recipe, the same for all arms."""

    epochs: PositiveInt = 100
    batch_size: PositiveInt = 64
    """Images a step over all workers together."""
    optimizer: Literal["sgd", "adamw"] = "sgd"
    lr: PositiveFloat = 0.01
    momentum: Fraction = 0.9
    """For `sgd`."""
    weight_decay: NonNegativeFloat = 1e-4
    schedule: Literal["cosine", "step"] = "cosine"
    warmup_epochs: NonNegativeFloat = 0
    """Linear warm-up from 0, for either schedule."""
    step_epochs: tuple[PositiveInt, ...] = (150, 180, 210)
    """For `step`: the learning rate is divided by 10 after each of these epochs."""
    alpha: NonNegativeFloat = 4
    """Weight of the aspect loss (paper, eq. 4)."""
    decode_size: PositiveInt | None = None
    """Training images are decoded once, to this many pixels square; `student.image_size` if unset."""
    crop_scale: tuple[PositiveFloat, PositiveFloat] = (0.5, 1.0)
    """Range of the random crop's area as a share of the image's."""
    flip: Fraction = 0.5
    """Probability of a horizontal flip. Orientation-sensitive questions are not taught on flipped images."""
    brightness: Fraction = 0.2
    """Brightness is multiplied by a factor in 1 +- this."""

    @model_validator(mode="after")
    def _crop_is_a_range(self) -> TrainConfig:
        low, high = self.crop_scale
        if not low <= high <= 1:
            raise ValueError(f"crop_scale must be [low, high] with low <= high <= 1, got [{low}, {high}]")
        if self.warmup_epochs >= self.epochs:
            raise ValueError(f"warmup_epochs ({self.warmup_epochs}) must be less than epochs ({self.epochs})")
        return self


class StudyConfig(Section):
    """Which arms are compared, over which seeds."""

    arms: tuple[ArmName, ...] = ("ce", "makd")
    """`ce` is the baseline that the others are compared with."""
    seeds: tuple[int, ...] = (0, 1, 2)

    @model_validator(mode="after")
    def _is_a_comparison(self) -> StudyConfig:
        for key, values in {"arms": self.arms, "seeds": self.seeds}.items():
            if not values:
                raise ValueError(f"{key} must not be empty")
            if len(set(values)) != len(values):
                raise ValueError(f"{key} must not repeat a value, got {list(values)}")
        return self


class EvaluateConfig(Section):
    """How results are summed up."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Level of the paired intervals."""


class ExtractConfig(Section):
    """Where the teacher runs, and what is put up with. None of it changes an answer."""

    actors: PositiveInt | None = None
    """Engines in the pool; as many as the cluster holds if unset."""
    cpus_per_actor: PositiveInt = 1
    """Cores of an engine; one that runs without a GPU is bound to so many."""
    gpus_per_actor: NonNegativeFloat = 0
    """GPUs of an engine: 0, a fraction of one (several engines share it), or 1 for each of `tensor_parallel_size`."""
    accelerator_type: str | None = None
    """Kind of GPU to run on, in Ray's words (`A100`, `H100`, `L4`); any if unset, mixed clusters included."""
    tensor_parallel_size: PositiveInt = 1
    """GPUs that one copy of the teacher is spread over, by a Ray placement group."""
    placement: Literal["STRICT_PACK", "PACK"] = "STRICT_PACK"
    """Whether the GPUs of one copy must be on one node (`STRICT_PACK`) or may be on several (`PACK`)."""
    batch_size: PositiveInt = 32
    """Images of a batch: what an engine is handed at a time, writes to one file, and may lose when it is killed."""
    kv_cache_gib: PositiveFloat = 0.5
    """Memory of the key-value cache of an engine that runs without a GPU, in GiB."""
    gpu_memory_utilization: Annotated[float, Field(gt=0, le=1)] | None = None
    """Share of a GPU's memory that an engine takes; if unset, 0.9 of its share of the GPU."""
    engine_args: dict[str, Any] = {}
    """Passed to `vllm.LLM` where it decides speed alone, e.g. `{max_num_seqs: 512}`."""
    max_bad_fraction: Fraction = 0.05
    """Share of images that cannot be read or asked above which the run fails."""
    preflight_images: PositiveInt = 4
    """Images that every engine asks about first, to see whether the teacher answers the questions at all."""
    min_answer_mass: Fraction = 0.5
    """Least mean of P(yes) + P(no) of a question; below it, the teacher is not answering and the run is refused."""

    @model_validator(mode="after")
    def _gpus_are_possible(self) -> Self:
        if self.tensor_parallel_size > 1 and self.gpus_per_actor not in (0, self.tensor_parallel_size):
            raise ValueError(
                f"gpus_per_actor is {self.gpus_per_actor:g}, but an engine of tensor_parallel_size "
                f"{self.tensor_parallel_size} takes exactly so many GPUs: set both to the same number"
            )
        if self.tensor_parallel_size > 1 and not self.gpus_per_actor:
            raise ValueError("tensor_parallel_size above 1 needs GPUs: set extract.gpus_per_actor to the same number")
        if self.gpus_per_actor > 1 and self.gpus_per_actor != self.tensor_parallel_size:
            raise ValueError(
                f"gpus_per_actor is {self.gpus_per_actor:g}, but tensor_parallel_size is {self.tensor_parallel_size}: "
                "an engine would leave GPUs idle; set both to the same number"
            )
        if 0 < self.gpus_per_actor < (self.gpu_memory_utilization or 0):
            raise ValueError(
                f"gpu_memory_utilization is {self.gpu_memory_utilization:g}, more than the engine's share of the GPU "
                f"(gpus_per_actor {self.gpus_per_actor:g}): engines on one GPU would run out of memory"
            )
        return self


class ClusterConfig(Section):
    """Which Ray cluster, and how students are spread over it."""

    address: str | None = None
    """`host:port` or `auto`; if unset, the environment's RAY_ADDRESS, or else a private cluster on this machine."""
    connect_timeout_s: PositiveFloat = 30
    lanes: PositiveInt | None = None
    """Students trained at a time; as many as the cluster holds if unset."""
    train_workers: PositiveInt = 1
    """Data-parallel (DDP) workers of one student."""
    cpus_per_train_worker: PositiveInt = 1
    gpus_per_train_worker: Annotated[float, Field(ge=0, le=1)] = 0
    max_failures: Annotated[int, Field(ge=-1)] = 3
    """Times that training restarts from its last checkpoint after a lost worker; -1: without limit."""


class StorageConfig(Section):
    """Where artifacts go."""

    path: str = "runs"
    """Folder or URI (s3://, gs://) that every node can reach; a run writes to `path/name`."""


class Config(Section):
    """A whole run."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    """Name of the run and of its folder."""
    data: Annotated[FieldGuideData | FolderData, Field(discriminator="source")]
    aspects: Annotated[FieldGuideAspects | FileAspects, Field(discriminator="source")]
    teacher: Teacher = VllmTeacher()
    student: StudentConfig = StudentConfig()
    train: TrainConfig = TrainConfig()
    study: StudyConfig = StudyConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    extract: ExtractConfig = ExtractConfig()
    cluster: ClusterConfig = ClusterConfig()
    storage: StorageConfig = StorageConfig()

    @model_validator(mode="after")
    def _combinations_are_possible(self) -> Config:
        if self.cluster.gpus_per_train_worker not in (0, 1):
            raise ValueError("cluster.gpus_per_train_worker: a DDP worker takes 0 or 1 GPU")
        if self.train.batch_size < self.cluster.train_workers:
            raise ValueError(
                f"train.batch_size ({self.train.batch_size}) is less than cluster.train_workers "
                f"({self.cluster.train_workers}): every worker needs at least one image a step"
            )
        return self
