"""`student.json`: all that must be known of a student to use it, besides its weights."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, PositiveInt, model_validator

from mmkd_ray.config import StudentConfig
from mmkd_ray.config.data import FitName
from mmkd_ray.data.fit import Fit

FORMAT = 1
"""To be raised where a reader of today could not read it any more."""


TaskName = Literal["classify"]
"""Tasks that a bundle may be for; `mmkd_ray.tasks` has them."""
FormName = Literal["student", "timm", "torch", "onnx"]
"""How the weights are stored: `student` as training leaves them, the others as `mmkd export` writes them."""
Precision = Literal["float32", "float16", "int8"]
"""Of an export's weights."""


class Card(BaseModel):
    """What `student.json` holds."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())

    format: Literal[1] = FORMAT
    task: TaskName
    identity: str
    """Fingerprint of what decided the student."""
    name: str
    """For people, e.g. `makd seed 0`."""
    model: str
    """Of timm."""
    model_args: dict[str, Any]
    classes: int
    class_names: tuple[str, ...]
    questions: tuple[str, ...]
    """In the order of the aspect outputs."""
    image_size: PositiveInt
    """Height and width in pixels."""
    interpolation: str
    """How images are resized, in Pillow's words."""
    fit: FitName = "crop"
    """How pictures become squares: `data.fit`."""
    crop_pct: float = 1.0
    """Share of the square's side that is seen, its middle."""
    mean: tuple[float, ...]
    """Of the three channels of RGB values in [0, 1]; these are normalised by the student itself."""
    std: tuple[float, ...]
    metrics: dict[str, float]
    """What is known of its worth, by name."""
    class_answers: tuple[tuple[float, ...], ...] | None = None
    """The teacher's mean P(yes) about each class's training images, C rows of Q: what `mmkd predict --explain` compares
    with. None for students that were taught no aspects, and in bundles of earlier versions."""
    form: FormName = "student"
    """Which files the weights are in, and what reads them; see `students.forms`."""
    precision: Precision = "float32"
    """Of the weights."""
    weights: str | None = None
    """Hash of the file of weights; None in bundles of earlier versions."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.classes != len(self.class_names):
            raise ValueError(f"classes is {self.classes}, but class_names has {len(self.class_names)}")
        shape = (self.classes, {len(self.questions)})
        if self.class_answers is not None and (len(self.class_answers), set(map(len, self.class_answers))) != shape:
            raise ValueError(f"class_answers are not {self.classes} rows of {len(self.questions)}")
        return self

    @property
    def config(self) -> StudentConfig:
        """What builds it: from scratch, whatever it was trained from."""
        return StudentConfig(model=self.model, model_args=self.model_args, image_size=self.image_size)

    @property
    def picture_fit(self) -> Fit:
        """How pictures become what the student sees."""
        red, green, blue = (round(255 * value) for value in self.mean)
        return Fit(self.fit, self.image_size, self.interpolation, self.crop_pct, (red, green, blue))
