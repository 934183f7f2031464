"""Caltech-UCSD Birds-200-2011 in its own layout as an image source."""

from __future__ import annotations

from mmkd_ray.artifacts import Folder
from mmkd_ray.config import CubData
from mmkd_ray.data.files import FileSource
from mmkd_ray.data.lists import check_unique, find_listed, open_local_root, read_text
from mmkd_ray.data.split import cut
from mmkd_ray.errors import DataError

_FOLDER = "CUB_200_2011"
_SPLITS = {"1": "train", "0": "test"}
"""The values of train_test_split.txt."""


class CubSource(FileSource):
    """`CUB_200_2011/` as its archive unpacks: the set's own test split; validation is cut from its training images.

    A class is called by its name without number and underscores: `001.Black_footed_Albatross` is
    "Black footed Albatross".
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
        files = cut(
            find_listed(root, listed, expected), taken="val", fraction=config.val_fraction, seed=config.split_seed
        )
        super().__init__(root, files, tuple(names.values()), path=config.path, max_pixels=config.max_pixels)


def _expected(path: str) -> str:
    return (
        f"expected {path}/{_FOLDER}/ with images.txt, image_class_labels.txt, train_test_split.txt, classes.txt and "
        f"images/CLASS/IMAGE: unpack CUB_200_2011.tgz in {path}"
    )


def _read_pairs(root: Folder, name: str, expected: str) -> dict[str, str]:
    """Number and value of each line, in their order."""
    pairs: dict[str, str] = {}
    for number, line in enumerate(read_text(root, f"{_FOLDER}/{name}", expected).splitlines(), start=1):
        key, _, value = line.strip().partition(" ")
        if not line.strip():
            continue
        if not value or key in pairs:
            problem = f"number {key} stands twice" if value else f"got '{line.strip()}'; 'NUMBER VALUE' is accepted"
            raise DataError(f"data.path: {_FOLDER}/{name}, line {number}: {problem}; unpack CUB_200_2011.tgz anew")
        pairs[key] = value
    return pairs


def _check_values(images: dict[str, str], name: str, values: dict[str, str], accepted: dict[str, str]) -> None:
    """Every image has a value and no other has, and each is one of those accepted."""
    if differing := sorted(images.keys() ^ values.keys()):
        raise DataError(
            f"data.path: image {differing[0]} stands in one of {_FOLDER}/images.txt and {_FOLDER}/{name} only; they "
            "must list the same images: unpack CUB_200_2011.tgz anew"
        )
    for image, value in values.items():
        if value not in accepted:
            raise DataError(
                f"data.path: {_FOLDER}/{name}: image {image} has '{value}'; accepted are {_shown(accepted)}: unpack "
                "CUB_200_2011.tgz anew"
            )


def _shown(accepted: dict[str, str]) -> str:
    return ", ".join(sorted(accepted)) if len(accepted) < 5 else f"the {len(accepted)} numbers of classes.txt"


def _readable(class_name: str) -> str:
    return class_name.partition(".")[2].replace("_", " ") or class_name
