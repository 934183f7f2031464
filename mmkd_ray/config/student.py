"""The student, its training, and the comparison of students."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from mmkd_ray.config.arms import ARMS, ArmName
from mmkd_ray.config.base import Fraction, Section, Seed

FlipTargets = Literal["mask", "swap", "view", "keep"]


def _pixels_or_full(value: Any) -> Any:
    """One message where pydantic would give one for each type."""
    if value is None or value == "full" or (type(value) is int and value > 0):
        return value
    raise ValueError("a number of pixels above 0 is accepted, or `full`")


class StudentConfig(Section):
    """The small vision model."""

    model: str = "resnet18"
    """Name of any timm model."""
    model_args: dict[str, Any] = {}
    """Passed to `timm.create_model`, e.g. `{layers: [1, 1, 1, 1]}`."""
    pretrained: bool | str = False
    """`true`: start from timm's weights, downloaded from the hub; a path: from a local file of them; `false`: from
    scratch."""
    image_size: PositiveInt | None = None
    """Height and width in pixels; unset: timm's value for the model. Mean, standard deviation and interpolation are
    always timm's."""
    crop_pct: Annotated[float, Field(gt=0, le=1)] | None = 1.0
    """Share of the square's side that is evaluated (timm's word): 0.875 resizes to 256 px and cuts the middle 224;
    unset: timm's value for the model."""


class TrainConfig(Section):
    """The training recipe, the same for all arms."""

    epochs: PositiveInt = 100
    batch_size: PositiveInt = 64
    """Images per step, all workers together."""
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
    clip_grad_norm: PositiveFloat | None = None
    """Largest norm of the gradient of all weights together; unset: no clipping."""
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Keep an exponential moving average of the weights as the student, with this decay per step (e.g. 0.99)."""
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    """Precision of the student's forward pass (automatic mixed precision); weights and losses stay float32."""
    label_smoothing: Fraction = 0
    """Label smoothing of the cross-entropy in every arm; the arm `label_smoothing` uses `study.label_smoothing`."""
    alpha: NonNegativeFloat = 4
    """Weight of the aspect loss (paper, eq. 4)."""
    teacher_temperature: PositiveFloat = 1
    """The targets are sigmoid(logit of the teacher's answer / temperature): above 1 softer, below 1 harder."""
    flip_targets: FlipTargets = "mask"
    """Target of an orientation-sensitive question on a mirrored image. `mask`: none. `swap`: the answer to its `mirror`
    question. `view`: the teacher's answer about the mirrored image, which is asked too. `keep`: the answer about the
    unmirrored image, which is wrong (a control)."""
    kd_weight: NonNegativeFloat = 1
    """Weight of the class distillation loss of the arms `kd`, `dkd`, `kd_ls`, `makd+kd`, `makd+kd_ls` and
    `zero_shot_kd`."""
    kd_temperature: PositiveFloat = 4
    """For `kd`, `dkd`, `kd_ls`, `makd+kd` and `makd+kd_ls`."""
    dkd_beta: NonNegativeFloat = 8
    """For `dkd`: weight of the classes other than the true one (arXiv 2203.08679)."""
    train_fraction: Annotated[float, Field(gt=0, le=1)] = 1
    """Share of each class's training images that is used. A smaller share is a subset of a larger one."""
    decode_size: Annotated[PositiveInt | Literal["full"] | None, BeforeValidator(_pixels_or_full)] = None
    """Shorter side in pixels of the pictures that random crops are taken of; unset: the student's image size divided by
    `student.crop_pct`. `full`: as large as they are."""
    views: Literal["light", "torchvision"] = "light"
    """How a crop becomes the student's square. `light`: bilinear sampling, the fastest, on a GPU too. `torchvision`:
    RandomResizedCrop with antialiasing, as in the paper; what follows it (`augment`, `colour_jitter`, `erasing`) is
    made by processes, `cluster.cpus_per_train_worker` of them."""
    crop_scale: tuple[PositiveFloat, PositiveFloat] = (0.5, 1.0)
    """Range of the random crop's area, as a share of the image's area."""
    crop: Literal["clamp", "redraw"] = "clamp"
    """What is done with a crop that is wider or higher than the image. `clamp`: that side is cut to the image's, which
    makes crops larger on average. `redraw`: another one is drawn, as torchvision's RandomResizedCrop does; always so
    with `views: torchvision`."""
    flip: Fraction = 0.5
    """Probability of a horizontal flip; see `flip_targets`."""
    brightness: Fraction = 0.2
    """Brightness is multiplied by a random factor in 1 +- this."""
    augment: Literal["none", "trivial", "rand"] = "none"
    """`trivial`: TrivialAugmentWide, `rand`: RandAugment, each with torchvision's own settings."""
    colour_jitter: Fraction = 0
    """Brightness, contrast and saturation change by up to this (torchvision's ColorJitter; timm: 0.4)."""
    erasing: Fraction = 0
    """Probability that a random rectangle becomes the student's mean colour (torchvision's RandomErasing)."""
    mixup: NonNegativeFloat = 0
    """Images are mixed with others of their batch, and all that is taught alike: alpha of the Beta distribution of
    their shares (arXiv 1710.09412); 0: not mixed."""
    cutmix: NonNegativeFloat = 0
    """The same by pasting a rectangle of the other image (arXiv 1905.04899). With `mixup`, each batch has one of
    both."""

    @model_validator(mode="after")
    def _crop_is_a_range(self) -> Self:
        low, high = self.crop_scale
        if not low <= high <= 1:
            raise ValueError(f"train.crop_scale must be [low, high] with low <= high <= 1, got [{low}, {high}]")
        if self.warmup_epochs >= self.epochs:
            raise ValueError(f"train.warmup_epochs ({self.warmup_epochs}) must be less than epochs ({self.epochs})")
        return self

    @property
    def augments(self) -> bool:
        """Whether something of torchvision's follows crop and flip."""
        return self.augment != "none" or self.colour_jitter > 0 or self.erasing > 0

    @model_validator(mode="after")
    def _views_are_possible(self) -> Self:
        if self.augments and self.views == "light":
            raise ValueError(
                "train.augment, train.colour_jitter and train.erasing are torchvision's: they need train.views: "
                "torchvision"
            )
        return self


class StudyConfig(Section):
    """Which arms are compared, over which seeds, in which variants of the recipe."""

    arms: tuple[ArmName, ...] = ("ce", "makd")
    """`ce` is the baseline that the others are compared with."""
    seeds: tuple[Seed, ...] = (0, 1, 2)
    variants: dict[str, dict[str, Any]] = {}
    """{NAME: {key.path: value}}: values that replace those of `student.`, `train.`, `aspects.`, `study.arms` or
    `study.seeds`, e.g. `{resnet34: {student.model: resnet34}}`. Every arm and seed is trained in each variant; the
    report shows the first one first. Empty: the configuration is used unchanged."""
    label_smoothing: Fraction = 0.1
    """Label smoothing of the arm `label_smoothing`."""
    class_question: str = "Is this a photo of a {class_name}?"
    """The question that the arm `zero_shot_kd` asks the teacher about every class."""
    kd_teacher: StudentConfig | None = None
    """The larger student that the arms `kd`, `dkd`, `kd_ls`, `makd+kd` and `makd+kd_ls` learn from; it is trained
    first, like the arm `ce`."""

    @model_validator(mode="after")
    def _is_a_comparison(self) -> Self:
        for key, values in {"arms": self.arms, "seeds": self.seeds}.items():
            if not values:
                raise ValueError(f"study.{key} must not be empty")
            if len(set(values)) != len(values):
                raise ValueError(f"study.{key} must not repeat a value, got {list(values)}")
        if "{class_name}" not in self.class_question:
            raise ValueError(f"study.class_question must contain {{class_name}}, got '{self.class_question}'")
        if self.kd_teacher is None and (learners := [arm for arm in self.arms if ARMS[arm].classes.larger_student]):
            raise ValueError(
                f"the arms {', '.join(learners)} learn from a larger student: name it in study.kd_teacher, e.g. "
                "{model: resnet50}"
            )
        return self
