"""The arms of a study: what each teaches besides the labels. An arm is one entry of `ARMS`.

An arm is made of two sources: of targets for the aspect logits, and of targets for the class logits. Here a source says
what it needs and which keys decide it; what it teaches is made in `mmkd_ray/students/targets/`, by the object that
`made_by` names. It is named, not imported: PyTorch takes seconds to load, and a configuration is checked without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator


@dataclass(frozen=True)
class AspectSource:
    """Where the targets of the aspect logits come from."""

    name: str
    """Enters the identity of a student."""
    made_by: str
    """Function of (P(yes) [N, Q], labels [N], random generator) in `students/targets/`: `module.name`."""
    asks_aspects: bool
    """Whether its targets are made of the teacher's answers to the aspects."""


@dataclass(frozen=True)
class ClassSource:
    """What is taught of the classes."""

    name: str
    """Enters the identity of a student."""
    made_by: str
    """Class in `students/targets/`, a `labels.Labels`: `module.name`."""
    keys: tuple[str, ...] = ()
    """`section.key` of the configuration that decide it; they enter the identity of the arms with this source alone."""
    asks_classes: bool = False
    """Whether the teacher is asked `study.class_question` about each class."""
    larger_student: bool = False
    """Whether a larger student, `study.kd_teacher`, is trained first, for others to learn from."""
    one_class: bool = False
    """Whether it needs to know each image's one class: mixed images have two."""


ASPECT_KEYS = ("train.alpha", "train.teacher_temperature", "train.flip_targets")
"""`section.key` that decide an arm with aspect targets, whatever their source."""

ANSWERS = AspectSource("answers", "aspects.answers", asks_aspects=True)
SHUFFLED = AspectSource("shuffled", "aspects.shuffled", asks_aspects=True)
CLASS_MEANS = AspectSource("class means", "aspects.class_means", asks_aspects=True)
NOISE = AspectSource("noise", "aspects.noise", asks_aspects=False)

LABELS = ClassSource("labels", "labels.Labels")
SMOOTHED = ClassSource("smoothed labels", "labels.SmoothedLabels", keys=("study.label_smoothing",))
ZERO_SHOT = ClassSource(
    "zero-shot", "zero_shot.ZeroShot", keys=("train.kd_weight", "study.class_question"), asks_classes=True
)
_KD_KEYS = ("train.kd_weight", "train.kd_temperature")
KD = ClassSource("kd", "distillation.Distillation", keys=_KD_KEYS, larger_student=True)
DKD = ClassSource(
    "dkd",
    "distillation.DecoupledDistillation",
    keys=(*_KD_KEYS, "train.dkd_beta"),
    larger_student=True,
    one_class=True,
)
KD_STANDARDISED = ClassSource(
    "kd, standardised", "distillation.StandardisedDistillation", keys=_KD_KEYS, larger_student=True
)


@dataclass(frozen=True)
class Arm:
    """What a student is taught. Arms differ in this and in nothing else."""

    description: str
    aspects: AspectSource | None = None
    """None: there is no aspect loss."""
    classes: ClassSource = LABELS
    control: bool = False
    """Whether it is a control: an arm that has everything but the knowledge under test."""

    @property
    def uses_answers(self) -> bool:
        """Whether the aspect targets are made of the teacher's answers."""
        return self.aspects is not None and self.aspects.asks_aspects


BASELINE = "ce"
"""The arm that the others are compared with."""

ARMS: dict[str, Arm] = {
    BASELINE: Arm("cross-entropy alone, the baseline"),
    "makd": Arm("the teacher's answers about each image", ANSWERS),
    "random": Arm("control: noise for each image and question", NOISE, control=True),
    "shuffled": Arm("control: the teacher's answers about other images", SHUFFLED, control=True),
    "class_mean": Arm("control: the teacher's answers averaged over each class", CLASS_MEANS, control=True),
    "label_smoothing": Arm("control: cross-entropy with smoothed labels", classes=SMOOTHED, control=True),
    "zero_shot_kd": Arm("the teacher's own class probabilities", classes=ZERO_SHOT),
    "kd": Arm("a larger student's class probabilities (Hinton et al. 2015)", classes=KD),
    "dkd": Arm("the same, decoupled (Zhao et al. 2022)", classes=DKD),
    "kd_ls": Arm("the same, of standardised logits (Sun et al. 2024)", classes=KD_STANDARDISED),
    "makd+kd": Arm("the teacher's answers and a larger student's class probabilities", ANSWERS, KD),
    "makd+kd_ls": Arm("the teacher's answers and a larger student's standardised logits", ANSWERS, KD_STANDARDISED),
}


def _known(name: str) -> str:
    if name not in ARMS:
        *others, last = (f"'{arm}'" for arm in ARMS)
        raise ValueError(f"input should be {', '.join(others)} or {last}")
    return name


ArmName = Annotated[str, AfterValidator(_known)]
"""One of `ARMS`."""


def source_keys(section: str) -> set[str]:
    """The keys of a section that enter the identity of some arms and not of the others."""
    paths = {*ASPECT_KEYS, *(path for arm in ARMS.values() for path in arm.classes.keys)}
    return {key for name, _, key in (path.partition(".") for path in paths) if name == section}
