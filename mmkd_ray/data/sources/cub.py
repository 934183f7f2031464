"""Caltech-UCSD Birds-200-2011, in its original layout, as an image source."""

from __future__ import annotations

from mmkd_ray.artifacts import Folder
from mmkd_ray.config import CubData
from mmkd_ray.data.sources.files import FileReader, FileSource
from mmkd_ray.data.sources.lists import check_unique, find_listed, open_local_root, read_text
from mmkd_ray.data.sources.split import cut_missing
from mmkd_ray.errors import DataError

_FOLDER = "CUB_200_2011"
_SPLITS = {"1": "train", "0": "test"}
"""The values of train_test_split.txt."""
_NOT_VISIBLE = "1"
"""The lowest of four certainties of certainties.txt."""


class CubSource(FileSource):
    """`CUB_200_2011/` as unpacked from its archive; validation images are taken from its training images.

    Class names are without number and underscores: "Black footed Albatross" for `001.Black_footed_Albatross`.
    """

    def __init__(self, config: CubData) -> None:
        expected = _expected(config.path)
        root = open_local_root(config.path, expected)
        images, labels, splits, classes = (
            _read_pairs(root, name, expected)
            for name in ("images.txt", "image_class_labels.txt", "train_test_split.txt", "classes.txt")
        )
        _check_values(images, "image_class_labels.txt", labels, classes)
        _check_values(images, "train_test_split.txt", splits, _SPLITS)
        names = {number: _readable(name) for number, name in classes.items()}
        check_unique(names.values(), "class")
        listed = [
            (f"{_FOLDER}/images/{path}", _SPLITS[splits[image]], names[labels[image]]) for image, path in images.items()
        ]
        files = find_listed(root, listed, expected)
        files = cut_missing(files, {"val": config.val_fraction}, group=config.group, seed=config.split_seed)
        super().__init__(FileReader(root), files, tuple(names.values()), path=config.path)


def _expected(path: str) -> str:
    return (
        f"expected {path}/{_FOLDER}/ with images.txt, image_class_labels.txt, train_test_split.txt, classes.txt and "
        f"images/CLASS/IMAGE: unpack CUB_200_2011.tgz in {path}"
    )


def _read_pairs(root: Folder, name: str, expected: str) -> dict[str, str]:
    return _pairs(root.child(_FOLDER), name, expected)


def _pairs(folder: Folder, name: str, expected: str) -> dict[str, str]:
    """{number: value} of the lines of a list, in order."""
    pairs: dict[str, str] = {}
    for number, line in enumerate(read_text(folder, name, expected).splitlines(), start=1):
        key, _, value = line.strip().partition(" ")
        if not line.strip():
            continue
        if not value or key in pairs:
            problem = f"number {key} is a duplicate" if value else f"got '{line.strip()}'; 'NUMBER VALUE' is accepted"
            place = f"{folder.path.rpartition('/')[2]}/{name}"
            raise DataError(f"data.path: {place}, line {number}: {problem}; unpack CUB_200_2011.tgz again")
        pairs[key] = value
    return pairs


def _check_values(images: dict[str, str], name: str, values: dict[str, str], accepted: dict[str, str]) -> None:
    """Check that exactly the listed images have a value, and that every value is accepted."""
    if differing := sorted(images.keys() ^ values.keys()):
        raise DataError(
            f"data.path: image {differing[0]} is in only one of {_FOLDER}/images.txt and {_FOLDER}/{name}; they "
            "must list the same images: unpack CUB_200_2011.tgz again"
        )
    for image, value in values.items():
        if value not in accepted:
            raise DataError(
                f"data.path: {_FOLDER}/{name}: image {image} has '{value}'; accepted are {_shown(accepted)}: unpack "
                "CUB_200_2011.tgz again"
            )


def _shown(accepted: dict[str, str]) -> str:
    return ", ".join(sorted(accepted)) if len(accepted) < 5 else f"the {len(accepted)} numbers of classes.txt"


def _readable(class_name: str) -> str:
    return class_name.partition(".")[2].replace("_", " ") or class_name


def read_attributes(path: str) -> dict[str, dict[str, bool]]:
    """The labels of CUB-200's 312 attributes, image by image.

    An attribute that the annotator marked as not visible has no label: neither answer would be correct.

    Args:
        path: `data.path`.

    Returns:
        {attribute, such as "has_crown_color::red": {image id: whether the bird has it}}.

    Raises:
        DataError: a list is missing or has another format.
    """
    expected = (
        f"expected {path}/attributes.txt (or {path}/{_FOLDER}/attributes.txt) and "
        f"{path}/{_FOLDER}/attributes/image_attribute_labels.txt: unpack CUB_200_2011.tgz in {path}"
    )
    root = open_local_root(path, expected)
    images = _read_pairs(root, "images.txt", expected)
    folder = root.child(_FOLDER)
    names = _pairs((folder if folder.exists("attributes.txt") else root), "attributes.txt", expected)
    labels: dict[str, dict[str, bool]] = {name: {} for name in names.values()}
    # Each id is made only once: there are millions of labels.
    image_ids = {number: f"{_FOLDER}/images/{name}" for number, name in images.items()}
    listed = "attributes/image_attribute_labels.txt"
    for number, line in enumerate(read_text(root, f"{_FOLDER}/{listed}", expected).splitlines(), start=1):
        # Image, attribute, whether it is there, certainty, seconds; some lines of the original have an extra field.
        fields = line.split()
        if len(fields) < 4 or fields[0] not in image_ids or fields[1] not in names or fields[2] not in ("0", "1"):
            raise DataError(
                f"data.path: {_FOLDER}/{listed}, line {number}: got '{line.strip()}'; 'IMAGE ATTRIBUTE 0|1 CERTAINTY "
                "SECONDS' is accepted; unpack CUB_200_2011.tgz again"
            )
        if fields[3] != _NOT_VISIBLE:
            labels[names[fields[1]]][image_ids[fields[0]]] = fields[2] == "1"
    return labels
