"""Which images."""

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


class _Files(Section):
    """What the sources of image files have in common."""

    source: str
    path: str
    val_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """Share of the training images, class by class, cut off for validation where the data set has no such split."""
    split_seed: int = 0
    """Which images are cut off."""
    max_pixels: PositiveInt = 50_000_000
    """Larger images are quarantined (decompression bombs)."""


class FolderData(_Files):
    """Ordinary images, one folder a class; or `train/`, `test/` (and `val/`, any shift set) each with class folders."""

    source: Literal["folder"]
    path: str
    """The folder: a local path or a URI that pyarrow reads (s3://, gs://)."""
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Share of all images, class by class, cut off for the test where there is no `test/`."""


class TorchvisionData(_Files):
    """A published data set in the folders that torchvision keeps it in.

    Where the set has a validation split of its own (`dtd`, `flowers102`, `fgvc_aircraft`), that is used.
    """

    source: Literal["torchvision"]
    dataset: Literal["stanford_cars", "oxford_pets", "dtd", "flowers102", "fgvc_aircraft", "caltech101"]
    path: str
    """torchvision's `root`: the local folder in which the set's own folder lies."""
    download: bool = False
    """Let torchvision fetch the set if it is not there; the address of `stanford_cars` is gone."""
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Share of all images, class by class, cut off for the test of `caltech101`, which has no test split."""


class CubData(_Files):
    """Caltech-UCSD Birds-200-2011."""

    source: Literal["cub"]
    path: str
    """The local folder in which `CUB_200_2011/` lies."""


class MiniImageNetData(_Files):
    """Mini-ImageNet as `train.csv`, `val.csv`, `test.csv` and `images/`.

    These splits are of few-shot learning: no class is in two of them. To classify, all 100 classes are pooled, and
    test and validation images are cut from every class.
    """

    source: Literal["mini_imagenet"]
    path: str
    """The local folder with the three lists and `images/`."""
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Share of each class's images (600) cut off for the test."""


Data = Annotated[
    FieldGuideData | FolderData | TorchvisionData | CubData | MiniImageNetData, Field(discriminator="source")
]
"""Which images, by `source`."""
