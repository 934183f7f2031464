"""The sets that torchvision knows, in small: the same images and labels as it gives, in this package's splits."""

import numpy as np
import pytest
from torchvision import datasets

from mmkd_ray.config import TorchvisionData, validate
from mmkd_ray.data.building import build_image_table
from mmkd_ray.data.decode import decode_rgb
from mmkd_ray.data.sources.base import BadImage
from mmkd_ray.data.sources.opening import open_source
from mmkd_ray.data.sources.torchvision_sets import TorchvisionSource
from mmkd_ray.data.table import read_splits, settings_identity
from mmkd_ray.errors import DataError
from tests.support import published_layouts as published
from tests.support.source_rows import rows_of

NAMES = ["stanford_cars", "oxford_pets", "dtd", "flowers102", "fgvc_aircraft", "caltech101", "food101"]

CUT, OWN = {"train": {"train", "val"}, "test": {"test"}}, {"train": {"train"}, "val": {"val"}, "test": {"test"}}
SPLITS = {
    "stanford_cars": (datasets.StanfordCars, CUT),
    "oxford_pets": (datasets.OxfordIIITPet, {"trainval": {"train", "val"}, "test": {"test"}}),
    "dtd": (datasets.DTD, OWN),
    "flowers102": (datasets.Flowers102, OWN),
    "fgvc_aircraft": (datasets.FGVCAircraft, OWN),
    "caltech101": (datasets.Caltech101, {"": {"train", "val", "test"}}),
    "food101": (datasets.Food101, CUT),
}
"""torchvision's class, and which splits of ours hold the images of each of its."""


def open_set(name, root, **settings):
    return TorchvisionSource(TorchvisionData(source="torchvision", dataset=name, path=str(root), **settings))


def config_of(name, root, **settings):
    data = {"source": "torchvision", "dataset": name, "path": str(root), **settings}
    return validate({"name": "t", "data": data, "aspects": {"source": "fieldguide"}})


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Makes a set by its name."""

    def make(name):
        getattr(published, name)(tmp_path)
        if name == "flowers102":
            published.allow_small_flowers(monkeypatch, tmp_path)
        return tmp_path

    return make


@pytest.mark.parametrize("name", NAMES)
def test_images_and_labels_are_the_same_as_torchvisions(small, name):
    root = small(name)
    source = open_set(name, root)
    rows = published.read(source)
    loader, splits = SPLITS[name]
    for theirs, ours in splits.items():
        dataset = loader(root, **({"split": theirs} if theirs else {}))
        same = [row for row in rows if row.split in ours]
        assert len(same) == len(dataset) > 0
        classes = dataset.categories if name == "caltech101" else dataset.classes
        for row, (image, label) in zip(same, (dataset[index] for index in range(len(dataset))), strict=True):
            assert row.label == label
            assert row.class_name == source.class_names[label] == classes[label].replace("_", " ")
            np.testing.assert_array_equal(np.asarray(decode_rgb(row.image)), np.asarray(image.convert("RGB")))
    assert len(rows) == sum(row.split in set().union(*splits.values()) for row in rows)
    assert len({row.image_id for row in rows}) == len({row.image for row in rows}) == len(rows)


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("stanford_cars", {"train": 9, "val": 3, "test": 12}),
        ("oxford_pets", {"train": 12, "val": 3, "test": 9}),
        ("dtd", {"train": 6, "val": 3, "test": 9}),
        ("flowers102", {"train": 102, "val": 102, "test": 102}),
        ("fgvc_aircraft", {"train": 9, "val": 6, "test": 6}),
        ("caltech101", {"train": 20, "val": 4, "test": 6}),
        ("food101", {"train": 10, "val": 2, "test": 6}),
    ],
)
def test_an_existing_validation_split_is_kept_and_a_missing_one_taken_from_train(small, run, name, counts):
    record = build_image_table(config_of(name, small(name)), run, lambda *_: None)
    assert record["images"] == counts
    assert record["quarantined"] == 0
    table = read_splits(run, columns=["image_id", "split", "class_name"]).to_pylist()
    for split in counts:
        assert {row["class_name"] for row in table if row["split"] == split} == set(record["class_names"])


def test_the_seed_decides_the_validation_images_and_not_the_test_split(small):
    root = small("stanford_cars")
    sources = {seed: open_set("stanford_cars", root, split_seed=seed) for seed in (0, 1)}
    assert published.ids(sources[0], "val") == published.ids(open_set("stanford_cars", root), "val")
    assert published.ids(sources[0], "val") != published.ids(sources[1], "val")
    assert published.ids(sources[0], "test") == published.ids(sources[1], "test")
    assert len(published.ids(open_set("stanford_cars", root, val_fraction=0.5), "val")) == 6


def test_missing_broken_and_too_large_images_are_named(small):
    root = small("oxford_pets")
    images = root / "oxford-iiit-pet" / "images"
    (images / "Abyssinian_1.jpg").unlink()
    (images / "Abyssinian_6.jpg").write_bytes(b"")
    published.put(images / "great_pyrenees_8.jpg", next(published.pictures()).resize((30, 40)))
    bad = {
        row.path: row.reason
        for row in rows_of(open_set("oxford_pets", root), max_pixels=100)
        if isinstance(row, BadImage)
    }
    folder = "oxford-iiit-pet/images"
    assert bad == {
        f"{folder}/Abyssinian_1.jpg": "cannot be read: No such file or directory",
        f"{folder}/Abyssinian_6.jpg": "not a readable image: the file is empty",
        f"{folder}/great_pyrenees_8.jpg": "30 x 40 pixels are more than the limit of 100 (data.max_pixels)",
    }


def test_the_identity_depends_on_content_and_settings_and_not_on_the_folder(small, tmp_path):
    root = small("dtd")
    before = open_set("dtd", root).identity()
    assert str(tmp_path) not in str(before)
    config = config_of("dtd", root)
    assert settings_identity(config) == settings_identity(config_of("dtd", "/elsewhere", download=True))
    for change in ({"dataset": "caltech101"}, {"split_seed": 1}, {"val_fraction": 0.5}, {"max_pixels": 9}):
        assert settings_identity(config) != settings_identity(config_of(**{"name": "dtd", "root": root, **change}))
    published.put(root / "dtd" / "dtd" / "images" / "woven" / "woven_0003.jpg", next(published.pictures()))
    assert open_set("dtd", root).identity() != before


def test_a_changed_label_changes_the_identity(small):
    root = small("fgvc_aircraft")
    before = open_set("fgvc_aircraft", root).identity()
    lines = root / "fgvc-aircraft-2013b" / "data" / "images_variant_train.txt"
    lines.write_text(lines.read_text().replace("1025794 A330-200", "1025794 707-320"))
    assert open_set("fgvc_aircraft", root).identity() != before


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_set_is_a_one_line_error_with_its_layout_and_creates_no_folder(tmp_path, name):
    with pytest.raises(DataError) as caught:
        open_set(name, tmp_path)
    message = str(caught.value)
    assert message.startswith(f"data.path: '{tmp_path}' has no folder ")
    assert f"; expected {tmp_path}/" in message
    remedy = "the authors' address is gone" if name == "stanford_cars" else "data.download=true fetches it"
    assert remedy in message
    assert "\n" not in message
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "missing", "message"),
    [
        ("stanford_cars", "stanford_cars/cars_test_annos_withlabels.mat", "Dataset not found"),
        ("stanford_cars", "stanford_cars/devkit/cars_meta.mat", "No such file"),
        ("oxford_pets", "oxford-iiit-pet/annotations/test.txt", "No such file"),
        ("dtd", "dtd/dtd/labels/val1.txt", "No such file"),
        ("flowers102", "flowers-102/setid.mat", "not found or corrupted"),
        ("fgvc_aircraft", "fgvc-aircraft-2013b/data/variants.txt", "No such file"),
    ],
)
def test_a_missing_list_is_a_one_line_error_with_the_expected_layout(small, name, missing, message):
    root = small(name)
    (root / missing).unlink()
    with pytest.raises(DataError, match=rf"torchvision cannot read {name} from '.*{message}.*; expected {root}/"):
        open_set(name, root)


def test_other_broken_lists_are_a_one_line_error(small):
    root = small("oxford_pets")
    lists = root / "oxford-iiit-pet" / "annotations"
    whole = (lists / "test.txt").read_text()
    (lists / "test.txt").write_text(whole.replace(" 1 1\n", "\n"))
    with pytest.raises(DataError, match="torchvision cannot read oxford_pets"):
        open_set("oxford_pets", root)
    (lists / "test.txt").write_text("".join(line for line in whole.splitlines(True) if "bulldog" not in line))
    with pytest.raises(DataError, match="differ in their classes: 'American Bulldog' is missing in train or test"):
        open_set("oxford_pets", root)
    (lists / "test.txt").write_text(whole.replace("pyrenees_6 3", "pyrenees_6 9"))
    with pytest.raises(DataError, match="an image of oxford_pets has the label 8, but only 3 classes have names"):
        open_set("oxford_pets", root)


def test_an_image_in_two_splits_is_refused(small):
    root = small("dtd")
    (root / "dtd" / "dtd" / "labels" / "test1.txt").write_text("woven/woven_0003.jpg\nbanded/a.jpg\nlined/a.jpg\n")
    with pytest.raises(DataError, match=r"lists the image 'dtd/dtd/images/woven/woven_0003.jpg' twice"):
        open_set("dtd", root)


def test_lists_without_their_images_are_a_one_line_error(small):
    root = small("dtd")
    (root / "dtd" / "dtd" / "images").rename(root / "pictures")
    with pytest.raises(DataError, match=r"none of the 18 images .* can be read \('.*woven_0003.jpg': cannot be read"):
        open_set("dtd", root)


def test_a_remote_or_missing_folder_is_named(tmp_path):
    with pytest.raises(DataError, match=r"got 's3://bucket/data'; a local folder is accepted"):
        open_set("dtd", "s3://bucket/data")
    with pytest.raises(DataError, match=rf"is not a folder; expected {tmp_path}/nowhere/dtd/ with"):
        open_set("dtd", tmp_path / "nowhere")


def test_torchvision_downloads_on_request(tmp_path, monkeypatch):
    root = tmp_path / "new" / "data"
    monkeypatch.setattr(datasets.DTD, "_download", lambda self: self._check_exists() or published.dtd(root))
    assert len(open_set("dtd", root, download=True)) == 18


def test_a_failed_download_is_a_one_line_error(tmp_path, monkeypatch):
    def fail(self):
        raise OSError("<urlopen error [Errno -2] Name or service not known>")

    monkeypatch.setattr(datasets.DTD, "_download", fail)
    with pytest.raises(DataError, match=r"\(<urlopen error .*the download did not help"):
        open_set("dtd", tmp_path, download=True)


def test_cars_are_never_downloaded(small, tmp_path):
    with pytest.raises(DataError, match=r"has no folder stanford_cars.*the authors' address is gone"):
        open_set("stanford_cars", tmp_path, download=True)
    assert len(open_set("stanford_cars", small("stanford_cars"), download=True)) == 24


def test_the_source_is_opened_from_a_configuration(small):
    assert isinstance(open_source(config_of("dtd", small("dtd"))), TorchvisionSource)
