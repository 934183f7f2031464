"""The form of timm and transformers: `config.json` and `model.safetensors`, normalisation outside of the model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import timm
from pyarrow import fs

from mmkd_ray.artifacts import Folder
from mmkd_ray.students.card import Card
from mmkd_ray.students.forms.form import Form
from mmkd_ray.students.forms.own import StudentNetwork, ready
from mmkd_ray.students.model import Student

CONFIG, WEIGHTS = "config.json", "model.safetensors"
"""timm's own names."""


def load(card: Card, content: bytes, folder: Folder) -> StudentNetwork:
    """See `Form`: as timm's users load it, so that `config.json` is what builds the model."""
    with _on_this_machine(folder, content) as place:
        backbone = timm.create_model(f"local-dir:{place}", pretrained=True)
    if backbone.num_classes != card.classes + len(card.questions):
        raise ValueError(f"{CONFIG} has {backbone.num_classes} outputs, the card names {card.classes} classes")
    return ready(Student(backbone, card.classes, len(card.questions)), card)


@contextmanager
def _on_this_machine(folder: Folder, content: bytes) -> Iterator[str]:
    """A local path of the folder, or of a copy of its files: timm reads local files alone."""
    if isinstance(folder.filesystem, fs.LocalFileSystem):
        yield folder.path
        return
    with TemporaryDirectory(prefix="mmkd_ray-") as place:
        Path(place, CONFIG).write_bytes(folder.read_bytes(CONFIG))
        Path(place, WEIGHTS).write_bytes(content)
        yield place


TIMM = Form(WEIGHTS, load)
