"""The image sources."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt

from mmkd_ray.config.base import Section, Seed


class FieldGuideData(Section):
    """The embedded data set: drawn birds of invented species."""

    group: ClassVar[str] = ""
    source: Literal["fieldguide"]
    species_seed: Seed = 0
    """Seed of the species (classes)."""
    image_seed: Seed = 0
    """Seed of the individual birds and scenes."""
    train_per_class: PositiveInt = 30
    val_per_class: PositiveInt = 10
    test_per_class: PositiveInt = 50
    shift_per_class: PositiveInt = 20
    """Images per species in the shift set: the same species in habitats that no training image shows."""


class _Files(Section):
    """Settings that all sources of image files share."""

    source: str
    path: str
    val_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """Share of each class's training images that is used for validation, if the data set has no validation split."""
    split_seed: Seed = 0
    """Seed of the choice of validation and test images."""
    group: str = ""
    """A regular expression with a pair of brackets, searched in each image's path within `path`: images for which the
    brackets hold the same text show one object (patient, video, ...) and stay in one split where splits are chosen
    here; in splits that the data set has, shared objects are counted and listed. `'/(obj\\d+)_'` takes `obj7` from
    `cup/obj7_020.png`; a number that starts anew in each class needs the class too: `'([^/]+/obj\\d+)_'`. The name of a
    split's folder must stay outside of the brackets. An image whose path does not match is an object of its own."""
    max_pixels: PositiveInt = 50_000_000
    """Larger images are quarantined (decompression bombs)."""


class FolderData(_Files):
    """Ordinary images: a folder per class, or `train/`, `test/` (`val/`, any shift set), each with class folders.

    `training`, `valid`, `validation`, `dev`, `testing`, `eval` are these, too, in any case, and with a word such as
    `_set` or `images_` or a number beside them (`train2017`).
    """

    source: Literal["folder"]
    path: str
    """The folder: a local path or a URI that pyarrow reads (s3://, gs://)."""
    exclude: tuple[str, ...] = ()
    """Patterns of files and folders to leave out, within `path`: `[drafts, "*/raw/*", "*_mask.png"]`. `*` matches
    slashes too; a pattern without a slash is compared with names at any depth."""
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Share of each class's images that is used for the test, if there is no `test/`."""


class TorchvisionData(_Files):
    """A published data set in torchvision's folder layout.

    `dtd`, `flowers102` and `fgvc_aircraft` have a validation split, which is used.
    """

    source: Literal["torchvision"]
    dataset: Literal["stanford_cars", "oxford_pets", "dtd", "flowers102", "fgvc_aircraft", "caltech101"]
    path: str
    """torchvision's `root`: the local folder that contains the data set's folder."""
    download: bool = False
    """Let torchvision download the data set if it is missing; `stanford_cars` can no longer be downloaded."""
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Share of each class's images that is used for the test of `caltech101`, which has no test split."""


class CubData(_Files):
    """Caltech-UCSD Birds-200-2011."""

    source: Literal["cub"]
    path: str
    """The local folder that contains `CUB_200_2011/`."""


class MiniImageNetData(_Files):
    """Mini-ImageNet as `train.csv`, `val.csv`, `test.csv` and `images/`.

    These splits are made for few-shot learning: each class is in only one of them. For classification they are merged,
    and test and validation images are taken from each of the 100 classes.
    """

    source: Literal["mini_imagenet"]
    path: str
    """The local folder with the three lists and `images/`."""
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Share of each class's 600 images that is used for the test."""


Data = Annotated[
    FieldGuideData | FolderData | TorchvisionData | CubData | MiniImageNetData, Field(discriminator="source")
]
"""Where the images come from, by `source`."""
