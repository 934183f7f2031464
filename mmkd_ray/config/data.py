"""Which images, and which questions about them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from mmkd_ray.config.base import Section


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
