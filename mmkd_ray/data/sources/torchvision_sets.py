"""Published data sets, with the folders and lists of torchvision's data set classes, as image sources."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmkd_ray.artifacts import Folder
from mmkd_ray.config import TorchvisionData
from mmkd_ray.data.sources.files import FileReader, FileSource
from mmkd_ray.data.sources.lists import check_unique, find_listed, open_local_root
from mmkd_ray.data.sources.split import cut_missing
from mmkd_ray.errors import DataError


@dataclass(frozen=True)
class _Set:
    """How torchvision stores a data set."""

    loader: str
    """The class in `torchvision.datasets`."""
    folder: str
    """The data set's folder in torchvision's root."""
    layout: str
    """The content of that folder, for messages."""
    splits: dict[str, Any]
    """{our split: torchvision's}; an empty name if torchvision's class has no splits."""
    listed: Callable[[Any], Iterable[tuple[Any, int]]]
    """Gives file and label of every image, in torchvision's order; torchvision has them in private fields."""
    option: str = "split"
    """The argument of torchvision's class that takes one of its splits."""
    downloads: bool = True
    """Whether torchvision can still download it."""


def _from_arrays(dataset: Any) -> Iterable[tuple[Any, int]]:
    return enumerate(dataset.targets)


def _from_image_files(dataset: Any) -> Iterable[tuple[Any, int]]:
    return zip(dataset._image_files, dataset._labels, strict=True)  # noqa: SLF001


def _from_images(dataset: Any) -> Iterable[tuple[Any, int]]:
    return zip(dataset._images, dataset._labels, strict=True)  # noqa: SLF001


def _from_samples(dataset: Any) -> Iterable[tuple[Any, int]]:
    return dataset._samples  # noqa: SLF001


def _from_index(dataset: Any) -> Iterable[tuple[Any, int]]:
    folder = Path(dataset.root, "101_ObjectCategories")
    for number, label in zip(dataset.index, dataset.y, strict=True):
        yield folder / dataset.categories[label] / f"image_{number:04d}.jpg", label


_WITH_VALIDATION = {"train": "train", "val": "val", "test": "test"}

_SETS = {
    "stanford_cars": _Set(
        "StanfordCars",
        "stanford_cars",
        "cars_train/, cars_test/, cars_test_annos_withlabels.mat, devkit/cars_train_annos.mat and devkit/cars_meta.mat",
        {"train": "train", "test": "test"},
        _from_samples,
        downloads=False,
    ),
    "oxford_pets": _Set(
        "OxfordIIITPet",
        "oxford-iiit-pet",
        "images/ID.jpg, annotations/trainval.txt and annotations/test.txt",
        {"train": "trainval", "test": "test"},
        _from_images,
    ),
    "dtd": _Set(
        "DTD", "dtd", "dtd/images/CLASS/ and dtd/labels/{train,val,test}1.txt", _WITH_VALIDATION, _from_image_files
    ),
    "flowers102": _Set(
        "Flowers102",
        "flowers-102",
        "jpg/image_NUMBER.jpg, imagelabels.mat and setid.mat",
        _WITH_VALIDATION,
        _from_image_files,
    ),
    "fgvc_aircraft": _Set(
        "FGVCAircraft",
        "fgvc-aircraft-2013b",
        "data/images/, data/variants.txt and data/images_variant_{train,val,test}.txt",
        _WITH_VALIDATION,
        _from_image_files,
    ),
    "caltech101": _Set(
        "Caltech101",
        "caltech101",
        "101_ObjectCategories/CLASS/image_NUMBER.jpg (BACKGROUND_Google among them; it is left out)",
        {"train": ""},
        _from_index,
    ),
    "food101": _Set(
        "Food101",
        "food-101",
        "images/CLASS/ID.jpg, meta/train.json and meta/test.json",
        {"train": "train", "test": "test"},
        _from_image_files,
    ),
    "cifar10": _Set(
        "CIFAR10",
        "cifar-10-batches-py",
        "data_batch_1 to data_batch_5, test_batch and batches.meta",
        {"train": True, "test": False},
        _from_arrays,
        option="train",
    ),
    "cifar100": _Set(
        "CIFAR100",
        "cifar-100-python",
        "train, test and meta",
        {"train": True, "test": False},
        _from_arrays,
        option="train",
    ),
}


class TorchvisionSource(FileSource):
    """The images that torchvision lists, with its labels; it decodes none of them.

    Its splits are kept: `train` or `trainval` is for training, and `val`, where it exists, for validation. Elsewhere
    validation images are taken from the training images; for Caltech101, which has no splits, test images too.
    """

    def __init__(self, config: TorchvisionData) -> None:
        known = _SETS[config.dataset]
        root, datasets, class_names = open_splits(config)
        listed = [
            (Path(file).relative_to(root.path).as_posix(), split, _class_name(class_names, label, config))
            for split, dataset in datasets.items()
            for file, label in known.listed(dataset)
        ]
        files = find_listed(root, listed, _expected(config))
        fractions = {"test": config.test_fraction, "val": config.val_fraction}
        files = cut_missing(files, fractions, group=config.group, seed=config.split_seed)
        super().__init__(FileReader(root), files, class_names, path=config.path)


def open_splits(config: TorchvisionData) -> tuple[Folder, dict[str, Any], tuple[str, ...]]:
    """Torchvision's root, its data set object for each of our splits, and the class names in the order of its labels.

    Raises:
        DataError: torchvision cannot read it.
    """
    known = _SETS[config.dataset]
    download = config.download and known.downloads
    root = open_local_root(config.path, _expected(config), must_exist=not download)
    datasets = {ours: _open(config, root, theirs, download=download) for ours, theirs in known.splits.items()}
    return root, datasets, _class_names(datasets, config)


def _open(config: TorchvisionData, root: Folder, split: Any, *, download: bool) -> Any:
    """The data set object of torchvision for one of its splits."""
    from torchvision import datasets  # noqa: PLC0415 (imports torch: seconds)

    known = _SETS[config.dataset]
    # Checked before torchvision is called: its Caltech101 would create a missing folder.
    if not download and not Path(root.path, known.folder).is_dir():
        raise DataError(f"data.path: '{config.path}' has no folder {known.folder}; {_expected(config)}")
    options = {} if split == "" else {known.option: split}
    try:
        return getattr(datasets, known.loader)(root.path, download=download, **options)
    except Exception as error:
        # torchvision's readers raise many kinds of errors: RuntimeError, OSError, ValueError, KeyError, ...
        problem = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            f"data.path: torchvision cannot read {config.dataset} from '{config.path}' ({problem}); {_expected(config)}"
        ) from error


def _class_names(datasets: dict[str, Any], config: TorchvisionData) -> tuple[str, ...]:
    """In the order of torchvision's labels. Must be equal in all splits, which some data sets number separately."""
    names = {split: _names(dataset) for split, dataset in datasets.items()}
    for split, found in names.items():
        if differing := sorted(set(found) ^ set(names["train"])):
            raise DataError(
                f"data.path: the splits of {config.dataset} differ in their classes: '{differing[0]}' is missing in "
                f"train or {split}; {_expected(config)}"
            )
    check_unique(names["train"], "class")
    return names["train"]


def _class_name(class_names: tuple[str, ...], label: int, config: TorchvisionData) -> str:
    if label >= len(class_names):
        raise DataError(
            f"data.path: an image of {config.dataset} has the label {label}, but only {len(class_names)} classes have "
            f"names; {_expected(config)}"
        )
    return class_names[label]


def _names(dataset: Any) -> tuple[str, ...]:
    names = dataset.categories if hasattr(dataset, "categories") else dataset.classes
    return tuple(str(name).replace("_", " ") for name in names)


def _expected(config: TorchvisionData) -> str:
    known = _SETS[config.dataset]
    if not known.downloads:
        remedy = "torchvision cannot download it any more (the authors' address is gone): put a copy there by hand"
    elif config.download:
        remedy = "the download did not help: remove what is broken, or put a copy there by hand"
    else:
        remedy = "data.download=true fetches it"
    return f"expected {config.path}/{known.folder}/ with {known.layout}; {remedy}"
