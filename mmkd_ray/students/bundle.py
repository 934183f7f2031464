"""A bundle: a folder with a trained student's weights and `student.json`; used without a configuration or a run.

Every form of weights (`students.forms`) is read in the same way: a run's own student, and what `mmkd export` makes of
it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
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
from mmkd_ray.artifacts.checksums import content_hash
from mmkd_ray.config.locations import absolute
from mmkd_ray.data.colours import to_rgb
from mmkd_ray.data.decode import decode_rgb
from mmkd_ray.errors import ArtifactError, DamagedError, DataError, MmkdError, StudentError
from mmkd_ray.students.card import Card
from mmkd_ray.students.forms import FORMS, Network, StudentNetwork
from mmkd_ray.students.model import Student
from mmkd_ray.students.outputs import BATCH

WEIGHTS, CARD = FORMS["student"].weights, "student.json"

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
    logits: Network
    """Given uint8 images [B, 3, S, S], as `pixels` makes them: class logits [B, C] and aspect logits [B, Q]. Q is 0 for
    an export without aspects."""

    @property
    def student(self) -> Student:
        """The student as a PyTorch module in evaluation mode, on any device.

        Raises:
            ArtifactError: it is an export as a program, which is none.
        """
        if isinstance(self.logits, StudentNetwork):
            return self.logits.student
        raise ArtifactError(
            f"'{self.card.name}' is an export in the form {self.card.form}, which is no PyTorch module: use the "
            "student's own folder, or an export in the form timm"
        )

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
        class_logits_NC, aspect_logits_NQ = self.outputs(pixels_N3SS.split(BATCH) if len(pixels_N3SS) else ())
        return Prediction(
            class_names=self.card.class_names,
            class_logits_NC=class_logits_NC.numpy(),
            class_probabilities_NC=class_logits_NC.softmax(dim=1).numpy(),
            questions=self.card.questions,
            aspect_logits_NQ=aspect_logits_NQ.numpy(),
            p_yes_NQ=aspect_logits_NQ.sigmoid().numpy(),
        )

    def outputs(self, batches: Iterable[UInt8[Tensor, "B 3 S S"]]) -> tuple[Tensor, Tensor]:
        """Class logits [N, C] and aspect logits [N, Q] of the N images of some batches; N may be 0."""
        said = [self.logits(images_B3SS) for images_B3SS in batches]
        none = [(torch.empty((0, self.card.classes)), torch.empty((0, len(self.card.questions))))]
        classes, aspects = zip(*(said or none), strict=True)
        return torch.cat(classes), torch.cat(aspects)

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
    write_card(folder, card, content)


def write_card(folder: Folder, card: Card, weights: bytes) -> None:
    """Write the card of a file of weights, with its hash."""
    card = card.model_copy(update={"weights": content_hash(weights)})
    folder.write_json(CARD, json.loads(card.model_dump_json()))


def load_bundle(place: Folder | str) -> Bundle:
    """Read a bundle.

    Args:
        place: its folder, or where that is: a local path, s3://bucket/key, gs://bucket/key.

    Raises:
        ArtifactError: there is none, it is damaged, or another version of this package made it.
        ConfigError: its form needs a package that is not installed.
    """
    folder = place if isinstance(place, Folder) else Folder.at(place)
    card = read_card(folder)
    form = FORMS[card.form]
    try:
        content = folder.read_bytes(form.weights)
    except OSError as error:
        raise ArtifactError(_damaged(folder, form.weights, error)) from error
    if card.weights not in (None, content_hash(content)):
        raise ArtifactError(_damaged(folder, form.weights, "it is not what its card says"))
    try:
        return Bundle(card, form.load(card, content, folder))
    except StudentError as error:
        raise ArtifactError(_damaged(folder, CARD, error)) from error
    except MmkdError:
        raise
    except Exception as error:  # PyTorch, timm and onnxruntime raise any error for a file that is none of theirs
        raise ArtifactError(_damaged(folder, form.weights, " ".join(str(error).split()))) from error


def read_card(folder: Folder) -> Card:
    """The card of a bundle.

    Raises:
        ArtifactError: there is none, it is damaged, or another version of this package made it.
    """
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
