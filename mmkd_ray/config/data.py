"""The image sources."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator, model_validator

from mmkd_ray.config.base import Place, Section, Seed

Labelled = Literal["classify", "detect"]
"""What is known of an image, by the task that can be learnt from it: its class, or boxes around what it shows."""
FitName = Literal["crop", "squash", "pad"]


class FieldGuideData(Section):
    """The embedded data set: drawn birds of invented species."""

    labelled: ClassVar[Labelled] = "classify"
    objects: ClassVar[str] = ""
    fit: ClassVar[FitName] = "crop"
    squares: ClassVar[bool] = True
    """Whether all of its pictures are squares, which any `fit` leaves as they are."""
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
    spurious: bool = False
    """Whether the habitat betrays the kind of bird: half of the species live in the forest and half at the sea, and
    most of the training images show a bird at home, but only half of the validation and test images (as in Waterbirds).
    The image table's column `group` holds kind and habitat."""
    spurious_share: Annotated[float, Field(ge=0.5, le=1)] = 0.95
    """Share of the training images that show a bird at home, to three decimals, where `spurious`."""

    @property
    def subgroups(self) -> bool:
        """Whether images have a group that results are told apart by."""
        return self.spurious

    @property
    def home_share(self) -> float | None:
        """`spurious_share`; None where habitats are independent of the species."""
        return self.spurious_share if self.spurious else None


class _Files(Section):
    """Settings that all sources of image files share."""

    labelled: ClassVar[Labelled] = "classify"
    subgroups: ClassVar[bool] = False
    """Whether images have a group that results are told apart by."""
    source: str
    path: Place
    store: Literal["bytes", "path"] = "bytes"
    """What the image table holds of each image. `bytes`: the whole file, so that a run stands alone. `path`: where it
    lies, and its hash, for data sets too large to copy: the files must stay as they are, in reach of every node; each
    is compared with its hash whenever it is read. Only where images are files of their own. No result depends on it:
    answers and students are found again either way."""
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
    fit: FitName = "crop"
    """How a picture that is not square becomes the student's square. `crop`: random crops are taken of the whole
    picture, and the middle square is what is evaluated (the paper, timm's `center`). `squash`: the whole picture, its
    sides made equal. `pad`: the whole picture, with the student's mean colour beside it (timm's `border`)."""

    @property
    def objects(self) -> str:
        """What says which object an image shows; empty if nothing does."""
        return self.group

    @property
    def squares(self) -> bool:
        """Whether all pictures are known to be squares."""
        return False


class FolderData(_Files):
    """Ordinary images: a folder per class, or `train/`, `test/` (`val/`, any shift set), each with class folders.

    `training`, `valid`, `validation`, `dev`, `testing`, `eval` are these, too, in any case, and with a word such as
    `_set` or `images_` or a number beside them (`train2017`).
    """

    source: Literal["folder"]
    path: Place
    """The folder: a local path or a URI that pyarrow reads (s3://, gs://)."""
    exclude: tuple[str, ...] = ()
    """Patterns of files and folders to leave out, within `path`: `[drafts, "*/raw/*", "*_mask.png"]`. `*` matches
    slashes too; a pattern without a slash is compared with names at any depth."""
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Share of each class's images that is used for the test, if there is no `test/`."""


class TableColumns(Section):
    """Names of a table's columns; one that is left empty is found by its usual names (`label`, `class`, ...)."""

    path: str = ""
    """Where an image is: `path`, `file`, `filename`, `image_path`, `image`, ..."""
    label: str = ""
    """Its class, a name or a whole number: `label`, `class`, `class_name`, `category`, `target`, `cls`."""
    split: str = ""
    """Its split: `split`, `set`, `partition`, `subset`; without such a column, test and validation images are chosen
    here."""
    group: str = ""
    """The object (patient, video, ...) that it shows; used only if named here. As with `data.group`, splits that are
    chosen keep an object whole, and objects that splits share are counted and listed."""


class ListedData(_Files):
    """Settings of sources whose labels and splits stand in columns."""

    columns: TableColumns = TableColumns()
    splits: dict[str, str | None] = {}
    """What the data set's splits are: `{validation: test, unlabeled: null}` tests on `validation` and leaves out
    `unlabeled`. Those that are not named are what they are called, in the words that folders may have; others are shift
    sets."""
    classes: str = ""
    """A text file with the name of a class in each line, if labels are numbers from 0 and the data have no names."""
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Share of each class's images that is used for the test, if the data set has no test split."""

    @property
    def objects(self) -> str:
        """What says which object an image shows; empty if nothing does."""
        return self.group or self.columns.group

    @model_validator(mode="after")
    def _one_kind_of_group(self) -> Self:
        if self.group and self.columns.group:
            raise ValueError(
                "data.group and data.columns.group both say which object an image shows: keep one of them, the pattern "
                "of paths or the column"
            )
        return self


class TableData(ListedData):
    """Images that a table lists: CSV (TSV), JSONL (JSON) or Parquet, with a path and a label in each row."""

    source: Literal["table"]
    path: Place
    """The table: a local file or a URI."""
    root: str = ""
    """The folder that relative paths start from, local or a URI; empty: the table's own folder."""


class ImageColumns(TableColumns):
    """Names of the columns of a table that holds images."""

    image: str = ""
    """The encoded image: bytes, or Hugging Face's `{bytes, path}`; found by its type."""


class ParquetData(ListedData):
    """Parquet files that hold the encoded images, or their paths.

    Splits stand in a column, or in the names of files (`train-00000-of-00005.parquet`) or folders (`train/0.parquet`);
    names of classes in a column, or where Hugging Face's tools write them.
    """

    source: Literal["parquet"]
    path: Place
    """A file, or a folder of files at any depth: a local path or a URI."""
    columns: ImageColumns = ImageColumns()
    root: str = ""
    """The folder that paths in a column start from, local or a URI; empty: `path`."""


class HuggingFaceData(ListedData):
    """A data set of the Hugging Face hub, or a local folder of one, through `datasets`."""

    source: Literal["huggingface"]
    path: Place
    """Its id on the hub (`ethz/food101`), or a local folder: one that `save_to_disk` wrote, or a copy of the hub's
    files."""
    subset: str = ""
    """Which of its configurations, where there are several."""
    revision: str = ""
    """Branch, tag or commit on the hub; empty: the newest. The commit that was loaded identifies the images."""
    columns: ImageColumns = ImageColumns()


class WebDatasetData(ListedData):
    """Tar files of samples: `0001.jpg` with its label in `0001.cls`, `0001.json` or `0001.txt`.

    Splits are in the names of the files (`birds-train-000012.tar`) or of their folders. A column is a file of the
    sample (`cls`), or a field of its JSON (`species`).
    """

    source: Literal["webdataset"]
    path: Place
    """A tar file, or a folder of them at any depth: a local path or a URI."""
    columns: ImageColumns = ImageColumns()


class TorchvisionData(_Files):
    """A published data set in torchvision's folder layout.

    `dtd`, `flowers102` and `fgvc_aircraft` have a validation split, which is used.
    """

    source: Literal["torchvision"]
    dataset: Literal[
        "stanford_cars",
        "oxford_pets",
        "dtd",
        "flowers102",
        "fgvc_aircraft",
        "caltech101",
        "food101",
        "cifar10",
        "cifar100",
    ]
    path: Place
    """torchvision's `root`: the local folder that contains the data set's folder."""
    download: bool = False
    """Let torchvision download the data set if it is missing; `stanford_cars` can no longer be downloaded."""
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Share of each class's images that is used for the test of `caltech101`, which has no test split."""

    @property
    def squares(self) -> bool:
        """Whether all pictures are known to be squares."""
        return self.dataset.startswith("cifar")


class CubData(_Files):
    """Caltech-UCSD Birds-200-2011."""

    source: Literal["cub"]
    path: Place
    """The local folder that contains `CUB_200_2011/`."""


class MiniImageNetData(_Files):
    """Mini-ImageNet as `train.csv`, `val.csv`, `test.csv` and `images/`.

    These splits are made for few-shot learning: each class is in only one of them. For classification they are merged,
    and test and validation images are taken from each of the 100 classes.
    """

    source: Literal["mini_imagenet"]
    path: Place
    """The local folder with the three lists and `images/`."""
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Share of each class's 600 images that is used for the test."""


class ImageNetData(_Files):
    """ImageNet-1k (ILSVRC 2012), or a part of its classes, as unpacked: `train/WNID/` and `val/`.

    The 50,000 validation images, whose labels are the public ones, are the test split; validation images are taken from
    those for training.
    """

    source: Literal["imagenet"]
    path: Place
    """The folder with `train/` and `val/`: a local path or a URI. `val/` has class folders, or all images; then their
    classes are read from `ILSVRC2012_devkit_t12/` (or its `.tar.gz`) or `LOC_val_solution.csv` beside it."""
    shift_sets: tuple[str, ...] = ()
    """Names of further folders (or links) beside `train/` and `val/`, each a shift set. Its class folders are called by
    WordNet ids (ImageNet-A, -R, -Sketch) or by class numbers from 0 to 999 (ImageNet-V2). Images of classes that are
    not in `train/` are left out. `evaluate.restricted_splits` measures some over their own classes alone."""

    @field_validator("shift_sets")
    @classmethod
    def _are_folders(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not name or name in ("train", "val", "test") or name.startswith(".") or set(name) & set("/\\\0"):
                raise ValueError(f"'{name}': give the name of a folder beside train/ and val/, e.g. imagenet-a")
        return names


class WaterbirdsData(_Files):
    """Waterbirds (Sagawa et al., 2020): birds of the land and the water before land and water.

    The group of an image is its class and its background; it is kept in the image table.
    """

    subgroups: ClassVar[bool] = True
    source: Literal["waterbirds"]
    path: Place
    """The folder with `metadata.csv`: a local path or a URI."""

    @model_validator(mode="after")
    def _has_groups_of_its_own(self) -> Self:
        if self.group:
            raise ValueError("data.group: waterbirds has groups of its own, class and background: leave it out")
        return self


class BoxData(_Files):
    """Settings of sources whose images have boxes."""

    labelled: ClassVar[Labelled] = "detect"
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Share of the training images that is used for the test, if the data set has no test split."""


class CocoData(BoxData):
    """Images with boxes in COCO's JSON format: a file for each split, and folders of images."""

    source: Literal["coco"]
    path: Place
    """The folder that holds all of them: a local path or a URI."""
    annotations: dict[str, Annotated[str, Field(min_length=1)]] = {}
    """The JSON file of each split, within `path`: `{train: annotations/instances_train2017.json, test:
    annotations/instances_val2017.json}`. Empty: files with the name of a split in theirs, in `path` or its
    `annotations/`, or (Roboflow) `SPLIT/_annotations.coco.json`."""
    images: dict[str, str] = {}
    """The folder of a split's images, within `path`, where it is not the JSON file's own, `SPLIT/`, `images/SPLIT/`,
    `images/` or `path` itself."""


class VocData(BoxData):
    """Images with boxes as Pascal VOC: `Annotations/*.xml`, `ImageSets/Main/*.txt`, `JPEGImages/`.

    Validation and test images are those of `val.txt` and `test.txt`, where they are.
    """

    source: Literal["voc"]
    path: Place
    """The folder with these three, or torchvision's root, whose `VOCdevkit/` holds one such year: a local path or a
    URI."""


class ScenesData(Section):
    """Scenes of the embedded field guide: one to six drawn birds in a picture of 128 pixels a side, with boxes."""

    labelled: ClassVar[Labelled] = "detect"
    objects: ClassVar[str] = ""
    fit: ClassVar[FitName] = "crop"
    squares: ClassVar[bool] = True
    """Whether all of its pictures are squares, which any `fit` leaves as they are."""
    subgroups: ClassVar[bool] = False
    """Whether images have a group that results are told apart by."""
    source: Literal["scenes"]
    species_seed: Seed = 0
    """Seed of the species (classes)."""
    image_seed: Seed = 0
    """Seed of the scenes."""
    species: Annotated[int, Field(ge=1, le=20)] = 12
    """C: how many of the 24 species are classes; the last four never are."""
    train: PositiveInt = 400
    """Scenes to train on."""
    val: PositiveInt = 100
    test: PositiveInt = 200
    shift: NonNegativeInt = 100
    """Scenes in habitats that no other one shows."""
    strangers: NonNegativeInt = 100
    """Scenes in which half of the birds are of species that are no class: to call one by a class's name is wrong."""


Data = Annotated[
    FieldGuideData
    | FolderData
    | TableData
    | ParquetData
    | HuggingFaceData
    | WebDatasetData
    | TorchvisionData
    | CubData
    | MiniImageNetData
    | ImageNetData
    | WaterbirdsData
    | CocoData
    | VocData
    | ScenesData,
    Field(discriminator="source"),
]
"""Where the images come from, by `source`."""
