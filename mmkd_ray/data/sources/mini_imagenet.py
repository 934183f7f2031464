"""Mini-ImageNet in its usual layout of three lists as an image source."""

from __future__ import annotations

import csv

from mmkd_ray.artifacts import Folder
from mmkd_ray.config import MiniImageNetData
from mmkd_ray.data.sources.files import FileReader, FileSource
from mmkd_ray.data.sources.lists import find_listed, open_local_root, read_text
from mmkd_ray.data.sources.split import cut_missing
from mmkd_ray.data.sources.wordnet import readable_names
from mmkd_ray.errors import DataError, few

_LISTS = ("train.csv", "val.csv", "test.csv")


class MiniImageNetSource(FileSource):
    """All 100 classes of `train.csv`, `val.csv` and `test.csv`, 600 images each, merged and split again.

    The lists are made for few-shot learning (Ravi and Larochelle, 2017): they have 64, 16 and 20 classes, none in
    common. A classifier cannot be tested on classes that it was not trained on, so test and validation images are taken
    from every class, by `split_seed`. The paper does not say which of a class's 600 images it tested on.

    A class is named by the first of its names in WordNet ("house finch"), as in timm, not by its number ("n01532829").
    """

    def __init__(self, config: MiniImageNetData) -> None:
        expected = f"expected {config.path}/ with {', '.join(_LISTS)} (columns filename,label) and images/FILENAME"
        root = open_local_root(config.path, expected)
        images = [row for name in _LISTS for row in _read_list(root, name, expected)]
        names = readable_names({label for _, label in images})
        listed = [(f"images/{filename}", "train", names[label]) for filename, label in images]
        files = find_listed(root, listed, expected)
        fractions = {"test": config.test_fraction, "val": config.val_fraction}
        files = cut_missing(files, fractions, group=config.group, seed=config.split_seed)
        super().__init__(FileReader(root), files, tuple(names.values()), path=config.path)


def _read_list(root: Folder, name: str, expected: str) -> list[tuple[str, str]]:
    """File name and class of each image."""
    reader = csv.DictReader(read_text(root, name, expected).splitlines())
    columns = reader.fieldnames or []
    if not {"filename", "label"} <= set(columns):
        raise DataError(f"data.path: {name} has the columns {few(columns, most=12) or '(none)'}; {expected}")
    images = [(row["filename"], row["label"]) for row in reader]
    if broken := [number for number, (filename, label) in enumerate(images, start=2) if not (filename and label)]:
        raise DataError(f"data.path: {name}, line {broken[0]}: expected a file name and a label; {expected}")
    return images
