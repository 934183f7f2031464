"""A bundle: a folder with a trained student's weights and `student.json`; used without a configuration or a run."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from jaxtyping import Float32, UInt8
from PIL import Image, ImageOps
from pydantic import ValidationError
from torch import Tensor

from mmkd_ray.artifacts import Folder
from mmkd_ray.config.locations import absolute
from mmkd_ray.data.colours import to_rgb
from mmkd_ray.data.decode import decode_rgb
from mmkd_ray.errors import ArtifactError, DamagedError, DataError, StudentError
from mmkd_ray.students.card import Card
from mmkd_ray.students.model import Student, build_student
from mmkd_ray.students.outputs import BATCH, outputs

WEIGHTS, CARD = "student.safetensors", "student.json"

AnyImage = str | os.PathLike[str] | bytes | Image.Image | np.ndarray
"""A local file's path, the bytes of one, a picture of Pillow's, or RGB values: uint8 [H, W, 3]."""


@dataclass(frozen=True)
class Prediction:
    """What a student says of N images."""

    class_names: tuple[str, ...]
    class_logits_NC: Float32[np.ndarray, "N C"]
    class_probabilities_NC: Float32[np.ndarray, "N C"]
    questions: tuple[str, ...]
    aspect_logits_NQ: Float32[np.ndarray, "N Q"]
    p_yes_NQ: Float32[np.ndarray, "N Q"]
    """What the student takes the teacher's P(yes) for."""

    @property
    def classes(self) -> list[str]:
        """Name of each image's most probable class."""
        return [self.class_names[label] for label in self.class_logits_NC.argmax(axis=1)]


@dataclass(frozen=True)
class Bundle:
    """A trained student, ready to be used."""

    card: Card
    student: Student
    """In evaluation mode."""

    def predict(self, images: Sequence[AnyImage]) -> Prediction:
        """What the student says of images, seen exactly as an evaluation shows them.

        Args:
            images: N images of any sizes.

        Raises:
            DataError: one cannot be read, the message says which, counted from 0; or it is one image and no list.
        """
        return self.predict_pixels(self.pixels(images))

    def predict_pixels(self, pixels_N3SS: UInt8[Tensor, "N 3 S S"]) -> Prediction:
        """The same of what `pixels` makes of images."""
        class_logits_NC, aspect_logits_NQ = outputs(self.student, pixels_N3SS.split(BATCH))
        return Prediction(
            class_names=self.card.class_names,
            class_logits_NC=class_logits_NC.numpy(),
            class_probabilities_NC=class_logits_NC.softmax(dim=1).numpy(),
            questions=self.card.questions,
            aspect_logits_NQ=aspect_logits_NQ.numpy(),
            p_yes_NQ=aspect_logits_NQ.sigmoid().numpy(),
        )

    def pixels(self, images: Sequence[AnyImage]) -> UInt8[Tensor, "N 3 S S"]:
        """The images as the student takes them: as squares of its size."""
        if isinstance(images, (str, os.PathLike, bytes, Image.Image)):
            raise DataError(f"got one image ({type(images).__name__}); accepted: a list of images, e.g. [image]")
        size, fit = self.card.image_size, self.card.picture_fit
        pixels_N3SS = np.empty((len(images), 3, size, size), dtype=np.uint8)
        for row, image in enumerate(images):
            try:
                pixels_N3SS[row] = fit(_rgb(image)).transpose(2, 0, 1)
            except DataError as error:
                raise DataError(f"image {row}: {error}") from error
        return torch.from_numpy(pixels_N3SS)


def write_bundle(folder: Folder, card: Card, student: Student) -> None:
    """Write a student into a folder."""
    # In the usual memory layout: safetensors refuses channels last.
    weights = {name: weight.detach().cpu().contiguous() for name, weight in student.state_dict().items()}
    content = safetensors.torch.save(weights)
    folder.write_bytes(WEIGHTS, content)
    card = card.model_copy(update={"weights": _hash(content)})
    folder.write_json(CARD, json.loads(card.model_dump_json()))


def load_bundle(place: Folder | str) -> Bundle:
    """Read a bundle.

    Args:
        place: its folder, or where that is: a local path, s3://bucket/key, gs://bucket/key.

    Raises:
        ArtifactError: there is none, it is damaged, or another version of this package made it.
    """
    folder = place if isinstance(place, Folder) else Folder.at(place)
    card = _read_card(folder)
    try:
        student = build_student(card.config, classes=card.classes, aspects=len(card.questions))
    except StudentError as error:
        raise ArtifactError(_damaged(folder, CARD, error)) from error
    try:
        content = folder.read_bytes(WEIGHTS)
        if card.weights not in (None, _hash(content)):
            raise ArtifactError(_damaged(folder, WEIGHTS, "it is not what its card says"))
        student.load_state_dict(safetensors.torch.load(content))
    except (OSError, RuntimeError, safetensors.SafetensorError) as error:
        raise ArtifactError(_damaged(folder, WEIGHTS, " ".join(str(error).split()))) from error
    # As the student was trained, whatever timm says of the model by now.
    student.mean.copy_(torch.tensor(card.mean).view(1, 3, 1, 1))
    student.std.copy_(torch.tensor(card.std).view(1, 3, 1, 1))
    return Bundle(card, student.eval().requires_grad_(False))


def _read_card(folder: Folder) -> Card:
    if not folder.exists(CARD):
        raise ArtifactError(
            f"'{folder.uri}' is not a student's bundle: it has no {CARD}; give the folder of a finished student, "
            "e.g. runs/NAME/study/makd-seed0-..."
        )
    try:
        return Card.model_validate(folder.read_json(CARD))
    except DamagedError as error:
        raise ArtifactError(_damaged(folder, CARD, error.reason)) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ArtifactError(_damaged(folder, CARD, f"{where}: {first['msg']}" if where else first["msg"])) from error


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _damaged(folder: Folder, name: str, reason: Any) -> str:
    line = (str(reason).splitlines() or [type(reason).__name__])[0]
    return (
        f"{folder.uri}/{name} cannot be used ({line}): it is damaged, or was made by another version of mmkd_ray; "
        "copy the folder again, or train the student again"
    )


def _rgb(image: AnyImage) -> Image.Image:
    if isinstance(image, (str, os.PathLike)):
        path = Path(absolute(os.fspath(image)))
        try:
            image = path.read_bytes()
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    if isinstance(image, bytes):
        return decode_rgb(image)
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise DataError(f"got an array of {image.dtype}, shape {list(image.shape)}; accepted: uint8 [H, W, 3], RGB")
        return Image.fromarray(image)
    if isinstance(image, Image.Image):
        return to_rgb(ImageOps.exif_transpose(image))
    raise DataError(
        f"got {type(image).__name__}; accepted: a path, bytes of a file, a PIL image, a uint8 array [H, W, 3]"
    )
