"""Small trees in the layouts of published data sets: every picture is another one."""

from __future__ import annotations

import csv
import hashlib
import itertools
import json
import pickle
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from torchvision import datasets

from mmkd_ray.data.sources.base import BadImage, Source
from tests.support.source_rows import ImageRow, rows_of


def pictures() -> Iterator[Image.Image]:
    """Eight pixels square, some of them grey or with a palette, as in the real sets."""
    for seed in itertools.count():
        noise = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        yield Image.fromarray(noise).convert("L" if seed % 5 == 0 else "RGB")


def put(path: Path, image: Image.Image) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, "JPEG")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def stanford_cars(root: Path) -> None:
    base, image = root / "stanford_cars", pictures()
    classes = ["AM General Hummer SUV 2000", "Acura RL Sedan 2012", "Acura TL Sedan 2012"]
    (base / "devkit").mkdir(parents=True)
    savemat(base / "devkit" / "cars_meta.mat", {"class_names": np.array(classes, dtype=object)})
    for split, name in (("train", "devkit/cars_train_annos.mat"), ("test", "cars_test_annos_withlabels.mat")):
        rows = [(7, f"{number:05d}.jpg", number % 3 + 1) for number in range(12)]
        kinds = [("bbox_x1", np.uint8), ("fname", object), ("class", np.uint8)]
        savemat(base / name, {"annotations": np.array(rows, dtype=kinds)})
        for _, file, _ in rows:
            put(base / f"cars_{split}" / file, next(image))


def oxford_pets(root: Path) -> None:
    base, image = root / "oxford-iiit-pet", pictures()
    names = ["Abyssinian", "american_bulldog", "great_pyrenees"]
    for split, numbers in (("trainval", range(1, 6)), ("test", range(6, 9))):
        lines = [f"{name}_{number} {label} 1 1\n" for number in numbers for label, name in enumerate(names, start=1)]
        write(base / "annotations" / f"{split}.txt", "".join(lines))
        for line in lines:
            put(base / "images" / f"{line.split()[0]}.jpg", next(image))


def dtd(root: Path) -> None:
    base, image = root / "dtd" / "dtd", pictures()
    for split, numbers in (("train", (3, 1)), ("val", (2,)), ("test", (5, 4, 6))):
        files = [f"{name}/{name}_{number:04d}.jpg" for number in numbers for name in ("woven", "banded", "lined")]
        write(base / "labels" / f"{split}1.txt", "\n".join(files))
        for file in files:
            put(base / "images" / file, next(image))


def flowers102(root: Path) -> None:
    """All 102 classes, because torchvision names all of them whatever the set holds."""
    base, image = root / "flowers-102", pictures()
    number = np.arange(1, 3 * 102 + 1)
    for name in number:
        put(base / "jpg" / f"image_{name:05d}.jpg", next(image))
    savemat(base / "imagelabels.mat", {"labels": (number - 1) // 3 + 1})
    savemat(base / "setid.mat", {key: number[k::3] for k, key in enumerate(("valid", "tstid", "trnid"))})


def allow_small_flowers(patch: pytest.MonkeyPatch, root: Path) -> None:
    """torchvision compares the lists of this set with the sums of the real ones."""
    names = {"label": "imagelabels.mat", "setid": "setid.mat"}
    base = root / "flowers-102"
    sums = {key: (name, hashlib.md5((base / name).read_bytes()).hexdigest()) for key, name in names.items()}
    patch.setattr(datasets.Flowers102, "_file_dict", {**datasets.Flowers102._file_dict, **sums})


def fgvc_aircraft(root: Path) -> None:
    base, image = root / "fgvc-aircraft-2013b" / "data", pictures()
    names = ["707-320", "Falcon 900", "A330-200"]
    write(base / "variants.txt", "\n".join(names))
    number = itertools.count(1_025_794)
    for split, per_class in (("train", 3), ("val", 2), ("test", 2)):
        lines = [f"{next(number)} {name}" for _ in range(per_class) for name in reversed(names)]
        write(base / f"images_variant_{split}.txt", "\n".join(lines))
        for line in lines:
            put(base / "images" / f"{line.split()[0]}.jpg", next(image))


def caltech101(root: Path) -> None:
    base, image = root / "caltech101" / "101_ObjectCategories", pictures()
    for name, count in (("accordion", 10), ("BACKGROUND_Google", 2), ("Faces_easy", 15), ("yin_yang", 5)):
        for number in range(1, count + 1):
            put(base / name / f"image_{number:04d}.jpg", next(image))


def cub(root: Path) -> dict[str, tuple[str, str]]:
    """Two birds, eight images of each, three of these for the test; gives split and class of each image by its path."""
    base, image = root / "CUB_200_2011", pictures()
    classes = ["001.Black_footed_Albatross", "002.Laysan_Albatross"]
    paths = [f"{name}/{name[4:]}_{number:04d}.jpg" for name in classes for number in range(8)]
    tested = [int(number % 8 in (1, 4, 6)) for number in range(16)]
    write(base / "classes.txt", _numbered(classes))
    write(base / "images.txt", _numbered(paths))
    write(base / "image_class_labels.txt", _numbered(1 + number // 8 for number in range(16)))
    write(base / "train_test_split.txt", _numbered(1 - flag for flag in tested))
    for path in paths:
        put(base / "images" / path, next(image))
    return {
        f"CUB_200_2011/images/{path}": ("test" if flag else "train", path[4:].partition("/")[0].replace("_", " "))
        for path, flag in zip(paths, tested, strict=True)
    }


def _numbered(values) -> str:
    return "".join(f"{number} {value}\n" for number, value in enumerate(values, start=1))


def food101(root: Path) -> None:
    base, image = root / "food-101", pictures()
    for split, numbers in (("train", range(6)), ("test", range(6, 9))):
        listed = {name: [f"{name}/{number}" for number in numbers] for name in ("waffles", "apple_pie")}
        write(base / "meta" / f"{split}.json", json.dumps(listed))
        for path in itertools.chain(*listed.values()):
            put(base / "images" / f"{path}.jpg", next(image))


def cifar(root: Path, patch: pytest.MonkeyPatch, name: str, per_batch: int = 8) -> None:
    """Of `name`, CIFAR10 or CIFAR100, with sums of its own in the place of the published ones."""
    kind, random = getattr(datasets, name), np.random.default_rng(3)
    base, key = root / kind.base_folder, "labels" if name == "CIFAR10" else "fine_labels"
    base.mkdir(parents=True)

    def dump(file: str, content: dict[str, object]) -> list[str]:
        (base / file).write_bytes(pickle.dumps(content))
        return [file, hashlib.md5((base / file).read_bytes()).hexdigest()]

    def batch(file: str) -> list[str]:
        labels = [number % 2 for number in range(per_batch)]
        return dump(file, {"data": random.integers(0, 256, (per_batch, 3072), dtype=np.uint8), key: labels})

    patch.setattr(kind, "train_list", [batch(file) for file, _ in kind.train_list])
    patch.setattr(kind, "test_list", [batch(file) for file, _ in kind.test_list])
    file, md5 = dump(kind.meta["filename"], {kind.meta["key"]: ["apple", "aquarium_fish"]})
    patch.setattr(kind, "meta", {**kind.meta, "filename": file, "md5": md5})


IMAGENET = ("n01440764", "n01443537", "n02012849", "n03126707")
"""tench, goldfish, crane (the bird), crane (the machine)."""


def imagenet(root: Path, validation: str) -> None:
    """With the labels of `val/` in "folders", "devkit", "archive" or "solution"."""
    image, truth = pictures(), []
    for number in IMAGENET:
        for place in range(8):
            put(root / "train" / number / f"{number}_{place}.JPEG", next(image))
    for place in range(1, 9):
        label = (place * 3) % 4
        truth.append(label + 1)
        folder = root / "val" / (IMAGENET[label] if validation == "folders" else "")
        put(folder / f"ILSVRC2012_val_{place:08d}.JPEG", next(image))
    kit = root / "ILSVRC2012_devkit_t12"
    if validation in ("devkit", "archive"):
        write(kit / "data" / "ILSVRC2012_validation_ground_truth.txt", "".join(f"{label}\n" for label in truth))
        rows = [(place, number, "words") for place, number in enumerate(IMAGENET, start=1)]
        kinds = [("ILSVRC2012_ID", np.uint16), ("WNID", object), ("words", object)]
        savemat(kit / "data" / "meta.mat", {"synsets": np.array(rows, dtype=kinds)})
    if validation == "archive":
        with tarfile.open(root / f"{kit.name}.tar.gz", "w:gz") as tar:
            tar.add(kit, kit.name)
        shutil.rmtree(kit)
    if validation == "solution":
        lines = [f"ILSVRC2012_val_{place:08d},{IMAGENET[label - 1]} 1 2 3 4 \n" for place, label in enumerate(truth, 1)]
        write(root / "LOC_val_solution.csv", "ImageId,PredictionString\n" + "".join(lines))


def waterbirds(root: Path) -> None:
    image, lines = pictures(), ["img_id,img_filename,y,split,place,place_filename"]
    for number in range(24):
        bird, place, split = number % 2, number // 2 % 2, number // 4 % 3
        name = f"{bird:03d}.Bird/{number}.jpg"
        lines.append(f"{number},{name},{bird},{split},{place},/l/lake/{number}.jpg")
        put(root / name, next(image))
    write(root / "metadata.csv", "\n".join(lines) + "\n")


def mini_imagenet(root: Path, per_class: int = 12) -> None:
    image = pictures()
    for split, labels in (("train", ("n02113712", "n01532829")), ("val", ("n01855672",)), ("test", ("n09256479",))):
        (root / "images").mkdir(parents=True, exist_ok=True)
        with (root / f"{split}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["filename", "label"])
            for label in labels:
                for number in range(per_class):
                    writer.writerow([f"{label}{number:08d}.jpg", label])
                    put(root / "images" / f"{label}{number:08d}.jpg", next(image))


def read(source: Source) -> list[ImageRow]:
    """All rows of a source without bad images."""
    rows = rows_of(source)
    assert not [row for row in rows if isinstance(row, BadImage)]
    assert len(rows) == len(source)
    return [row for row in rows if isinstance(row, ImageRow)]


def ids(source: Source, split: str) -> list[str]:
    return [row.image_id for row in read(source) if row.split == split]
