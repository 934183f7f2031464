"""ImageNet-1k as an image source."""

from __future__ import annotations

import csv
import io
import re
import tarfile
from collections import Counter
from collections.abc import Iterable, Mapping

from mmkd_ray.artifacts import Folder
from mmkd_ray.config import ImageNetData
from mmkd_ray.data.sources.files import FileReader, FileSource, ImageFile, open_root
from mmkd_ray.data.sources.junk import Skipped
from mmkd_ray.data.sources.listing import Found, list_tree
from mmkd_ray.data.sources.split import cut_missing
from mmkd_ray.data.sources.wordnet import NUMBER, published_subset, readable_names, wordnet_ids
from mmkd_ray.errors import DataError, one_line

_DEVKIT, _SOLUTION = "ILSVRC2012_devkit_t12", "LOC_val_solution.csv"
_TRUTH, _META = f"{_DEVKIT}/data/ILSVRC2012_validation_ground_truth.txt", f"{_DEVKIT}/data/meta.mat"
_VALIDATION = re.compile(r"ILSVRC2012_val_(\d{8})")


class ImageNetSource(FileSource):
    """`train/WNID/` for training, `val/` for the test; validation images are taken from the former.

    Classes are those of `train/`, in the order of their numbers, which is torchvision's and timm's; images of others in
    `val/` and in shift sets are left out, so that a part of the classes is a data set, too.
    """

    def __init__(self, config: ImageNetData) -> None:
        """List the files.

        Raises:
            DataError: the folders are others, or the classes of the images in `val/` are not known.
        """
        expected = (
            f"expected {config.path}/train/WNID/*.JPEG and {config.path}/val/WNID/*.JPEG, or val/*.JPEG with "
            f"{_DEVKIT}/, {_DEVKIT}.tar.gz or {_SOLUTION} beside it"
        )
        root = open_root(config.path, expected)
        found = {split: _list(root, split, expected) for split in ("train", "val")}
        numbers = {file: file.path.split("/")[1] for file in found["train"] if file.path.count("/") > 1}
        names = readable_names(number for number in set(numbers.values()) if NUMBER.fullmatch(number))
        if not names:
            raise DataError(f"data.path: '{config.path}/train' has no folders such as n01440764; {expected}")
        truth = _classes_of_validation(root, found["val"], expected)
        files = [ImageFile(file, "train", names[number]) for file, number in numbers.items() if number in names]
        measured = {"val": truth} | {name: _classes_of_shift_set(root, name) for name in config.shift_sets}
        for folder, classes in measured.items():
            split = "test" if folder == "val" else folder
            files += [ImageFile(file, split, names[number]) for file, number in classes.items() if number in names]
        self._shift_sets = {name: set(measured[name].values()) & set(names) for name in config.shift_sets}
        self._left_out = {
            folder: Counter(number for number in classes.values() if number not in names)
            for folder, classes in measured.items()
        }
        files = cut_missing(files, {"val": config.val_fraction}, group=config.group, seed=config.split_seed)
        super().__init__(FileReader(root), files, tuple(names.values()), path=config.path)

    def describe(self) -> list[str]:
        """What each folder is, and what was left out."""
        lines = ["train/ is train, less the validation images that are chosen; val/, the official validation, is test"]
        for name, numbers in self._shift_sets.items():
            whose = f", those of {known}" if (known := published_subset(numbers)) else ""
            lines.append(f"{name}/ is a shift set of {len(numbers):,} of the classes{whose}")
        lines += [
            f"left out of {folder}/: {numbers.total():,} images of {len(numbers):,} classes that are not in train/"
            for folder, numbers in self._left_out.items()
            if numbers
        ]
        return [*lines, *super().describe()]


def _list(root: Folder, folder: str, expected: str) -> list[Found]:
    if not root.exists(folder):
        raise DataError(f"data.path: '{root.uri}' has no folder {folder}/; {expected}")
    tree = list_tree(root.child(folder), Skipped())
    return [
        Found(f"{folder}/{found.path}", found.size, found.modified_ns, found.problem, found.hides_files)
        for found in tree.found
    ]


def _classes_of_shift_set(root: Folder, name: str) -> dict[Found, str]:
    """The WordNet number of each image in a shift set's class folders."""
    expected = f"expected {root.uri}/{name}/WNID/, or {name}/0/ to {name}/999/"
    folder_of = {file: file.path.split("/")[1] for file in _list(root, name, expected) if file.path.count("/") > 1}
    numbers = wordnet_ids(set(folder_of.values()))
    if not numbers:
        raise DataError(f"data.shift_sets: '{root.uri}/{name}' has no folders such as n01440764 or 0; {expected}")
    return {file: numbers[folder] for file, folder in folder_of.items() if folder in numbers}


def _classes_of_validation(root: Folder, found: Iterable[Found], expected: str) -> dict[Found, str]:
    """The WordNet number of each image in `val/`: its folder, or what the lists say."""
    found = list(found)
    flat = [file for file in found if file.path.count("/") == 1]
    classes = {file: file.path.split("/")[1] for file in found if file.path.count("/") > 1}
    if not flat:
        return classes
    listed = _listed(root, expected)
    for file in flat:
        name = _VALIDATION.search(file.path)
        if name is None or int(name[1]) not in listed:
            raise DataError(f"data.path: '{root.uri}/{file.path}' is not in the list of validation images; {expected}")
        classes[file] = listed[int(name[1])]
    return classes


def _listed(root: Folder, expected: str) -> Mapping[int, str]:
    """WordNet numbers by the number of the validation image."""
    if root.exists(_SOLUTION):
        rows = csv.DictReader(io.StringIO(root.read_bytes(_SOLUTION).decode("utf-8-sig")))
        found = [(_VALIDATION.search(row.get("ImageId") or ""), row.get("PredictionString") or "") for row in rows]
        return {int(name[1]): text.split(" ")[0] for name, text in found if name}
    texts = _devkit(root)
    if texts is None:
        raise DataError(f"data.path: val/ has images outside of folders, and no list says their classes; {expected}")
    from scipy.io import loadmat  # noqa: PLC0415 (only here)

    try:
        synsets = loadmat(io.BytesIO(texts[1]), squeeze_me=True)["synsets"]
        numbers = dict(zip(synsets["ILSVRC2012_ID"].tolist(), synsets["WNID"].tolist(), strict=True))
        labels = [int(line) for line in texts[0].split()]
        return {place: str(numbers[label]) for place, label in enumerate(labels, start=1)}
    except (ValueError, KeyError, TypeError, NotImplementedError) as error:
        raise DataError(f"data.path: {_DEVKIT} cannot be read ({one_line(error)}); {expected}") from error


def _devkit(root: Folder) -> tuple[bytes, bytes] | None:
    """Truth and meta.mat of the devkit, a folder or its archive, of which nothing is unpacked."""
    if root.exists(_DEVKIT):
        return root.read_bytes(_TRUTH), root.read_bytes(_META)
    if not root.exists(f"{_DEVKIT}.tar.gz"):
        return None
    with tarfile.open(fileobj=io.BytesIO(root.read_bytes(f"{_DEVKIT}.tar.gz"))) as tar:
        streams = [tar.extractfile(name) for name in (_TRUTH, _META)]
        truth, meta = (stream.read() if stream else b"" for stream in streams)
        return truth, meta
