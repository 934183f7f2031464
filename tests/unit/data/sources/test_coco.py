"""Boxes in COCO's JSON format: each in the image table, or named with its reason while its image stays."""

import io
import json
import os

import fsspec
import pytest
from PIL import Image

from mmkd_ray import schema
from mmkd_ray.config import validate
from mmkd_ray.data.building import build_image_table
from mmkd_ray.data.origin import Before
from mmkd_ray.data.sources.base import Box
from mmkd_ray.data.sources.boxes import within
from mmkd_ray.data.sources.opening import open_source
from mmkd_ray.data.table import check_files, read_splits
from mmkd_ray.errors import ConfigError, DataError
from mmkd_ray.stages import STAGES
from mmkd_ray.study.cost import describe_study

TRAIN, VAL = "annotations/instances_train2017.json", "annotations/instances_val2017.json"
CATEGORIES = [{"id": 90, "name": "owl"}, {"id": 7, "name": "tit"}]


def picture(width=20, height=10, colour=0):
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (colour, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def annotation(number, image, bbox, category=90, **more):
    outline = {"segmentation": [[0, 0, 1, 1, 0, 1]], "area": 5.5, "iscrowd": 0}
    return {"id": number, "image_id": image, "category_id": category, "bbox": bbox, **outline, **more}


def content(names, annotations, categories=CATEGORIES, **size):
    size = {"width": 20, "height": 10, **size}
    images = [{"id": 100 + place, "file_name": name, **size} for place, name in enumerate(names)]
    return {"images": images, "annotations": annotations, "categories": categories}


def write(root, place, value):
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    (root / place).write_text(value if isinstance(value, str) else json.dumps(value))


def write_pictures(root, folder, names):
    (root / folder).mkdir(parents=True, exist_ok=True)
    for colour, name in enumerate(names):
        (root / folder / name).write_bytes(picture(colour=colour))


def config_of(root, *, study=None, extract=None, **data):
    sections = {"data": {"source": "coco", "path": str(root), **data}, "aspects": {"source": "fieldguide"}}
    return validate({"name": "t", **sections, "study": study or {}, "extract": extract or {}})


NAMES = [f"{number}.png" for number in range(6)]
GOOD = [
    annotation(1, 100, [1, 2, 3.5, 4]),
    annotation(2, 100, [15, 5, 10, 10], 7, area=60, iscrowd=1),
    annotation(3, 101, [0, 0, 20, 10], 7),
]
BAD = [
    annotation(4, 102, [1, 1, 0, 5]),
    annotation(5, 102, [20, 1, 5, 5]),
    annotation(6, 101, [float("nan"), 1, 5, 5]),
]


@pytest.fixture
def root(tmp_path):
    """As COCO 2017 is unpacked, its other files among them."""
    root = tmp_path / "coco"
    write(root, TRAIN, content(NAMES, [*GOOD, *BAD]))
    write(root, VAL, content(NAMES[:2], [annotation(9, 100, [0, 0, 5, 5])]))
    write(root, "annotations/captions_train2017.json", {"annotations": []})
    write_pictures(root, "train2017", NAMES)
    write_pictures(root, "val2017", NAMES[:2])
    return root


def test_boxes_are_a_column_and_bad_ones_are_named(root, run):
    record = build_image_table(config_of(root), run, lambda *_: None)
    assert record["class_names"] == ["tit", "owl"], "in the order of their ids"
    assert record["images"] == {"train": 5, "test": 1, "val": 2}
    assert (record["boxes"], record["bad_boxes"], record["quarantined"]) == (4, 3, 0)
    table = read_splits(run)
    assert table.schema.equals(schema.images(has_boxes=True))
    assert table["label"].null_count == table["class_name"].null_count == 8
    boxes = {row["image_id"]: row["boxes"] for row in table.to_pylist()}
    assert boxes["train2017/0.png"] == [
        {"x": 1, "y": 2, "width": 3.5, "height": 4, "label": 1, "area": 5.5, "is_crowd": False},
        # What reaches beyond the picture is cut at its edge.
        {"x": 15, "y": 5, "width": 5, "height": 5, "label": 0, "area": 60, "is_crowd": True},
    ]
    assert boxes["train2017/2.png"] == boxes["train2017/5.png"] == [], "images without objects stay"
    reasons = {
        row["box"]: (row["image_id"], row["reason"]) for row in run.images.read_table("bad_boxes.parquet").to_pylist()
    }
    assert reasons == {
        "annotation 4": ("train2017/2.png", "without area: x 1, y 1, 0 x 5 pixels"),
        "annotation 5": ("train2017/2.png", "outside the picture: x 20, y 1, 5 x 5 pixels in 20 x 10"),
        "annotation 6": ("train2017/1.png", "not a box: x nan, y 1, 5 x 5 pixels"),
    }
    told = "\n".join(record["told"])
    assert "instances_train2017.json" in told
    assert "4 boxes of 2 classes (tit, owl) in 3 images, 5 more without any" in told
    assert "1 not a box, 1 without area, 1 outside the picture; such as annotation 6" in told


def test_another_box_is_another_table_but_no_image_is_read_again(root, run):
    """Shown by a file whose content changes behind an unchanged size and time."""
    config, file = config_of(root, store="path"), root / "train2017/1.png"
    first = build_image_table(config, run, lambda *_: None)
    check_files(run)
    times = file.stat()
    file.write_bytes(bytes(times.st_size))
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    write(root, TRAIN, content(NAMES, [annotation(1, 100, [1, 2, 3, 4]), *GOOD[1:], *BAD]))
    before = Before(run)
    second = build_image_table(config, run, lambda *_: None)
    assert "0 added, 0 gone, 1 with other content, boxes or split" in before.changes()[0]
    assert (second["quarantined"], second["images"]) == (0, first["images"])
    assert second["digest"] != first["digest"]
    assert {box["width"] for boxes in read_splits(run)["boxes"].to_pylist() for box in boxes} == {3, 5, 20}


def test_the_layouts_of_other_tools_and_named_files(tmp_path, root, run):
    other = tmp_path / "roboflow"
    for split, names in (("train", NAMES), ("valid", NAMES[:2]), ("test", NAMES[:1])):
        write(other, f"{split}/_annotations.coco.json", content(names, [annotation(1, 100, [0, 0, 5, 5])]))
        write_pictures(other, split, names)
    found = [(item.split, item.image_id) for item in open_source(config_of(other)).items()]
    assert found[:2] == [("test", "test/0.png"), ("train", "train/0.png")]
    assert found[-1] == ("val", "valid/1.png")
    files = {"train": TRAIN, "test": VAL}
    folders = {"train": "train2017", "test": "val2017"}
    items = list(open_source(config_of(root, annotations=files, images=folders)).items())
    assert [item.image_id for item in items if item.split == "test"] == ["val2017/0.png", "val2017/1.png"]
    memory = fsspec.filesystem("memory")
    memory.put(str(root), "/coco", recursive=True)
    try:
        source = open_source(config_of("fsspec+memory:///coco"))
        assert all(isinstance(read, bytes) for read in source.reader.read(list(source.items())))
    finally:
        memory.rm("/coco", recursive=True)


def test_an_image_of_another_size_than_its_boxes_is_a_bad_one(root, run):
    (root / "train2017/0.png").write_bytes(picture(10, 20))
    record = build_image_table(config_of(root, extract={"max_bad_fraction": 0.5}), run, lambda *_: None)
    assert record["quarantined"] == 1
    (bad,) = run.images.read_table("quarantine.parquet").to_pylist()
    assert bad == {"path": "train2017/0.png", "reason": "it is 10 x 20 pixels, and its boxes are for 20 x 10"}


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (TRAIN, "[", "is not JSON"),
        (TRAIN, [], r"is of another format; accepted is \{\"images\""),
        (TRAIN, content(NAMES, [{"id": 1}]), r"an entry is of another format \(no 'category_id'\)"),
        (TRAIN, content(NAMES, [annotation(1, 100, [1, 2, 3])]), "not enough values to unpack"),
        (TRAIN, content(NAMES, [annotation(1, 100, [1, 2, 3, 4], 8)]), "annotation 1 has the category 8, which is"),
        (TRAIN, content(NAMES, [annotation(1, 99, [1, 2, 3, 4])]), "annotation 1 is of the image 99, which is"),
        (TRAIN, content(NAMES, []), "no training image of .* has a box"),
        (TRAIN, content([*NAMES, NAMES[0]], GOOD), r"lists the image 'train2017/0.png' twice"),
        (TRAIN, content(["x.png"], GOOD[:1]), r"its images are in none of annotations/, train2017/, images/train2017/"),
        (VAL, content(NAMES[:2], [], CATEGORIES[:1]), r"instances_val2017.json: its categories differ from those of"),
        ("train_2.json", content(NAMES, GOOD), r"say which one is for which split by data.annotations=\{train: "),
    ],
)  # fmt: skip
def test_what_is_not_coco_is_refused_in_one_line(root, place, value, message):
    write(root, place, value)
    with pytest.raises(DataError, match=message) as refused:
        open_source(config_of(root))
    assert "\n" not in str(refused.value)


def test_without_annotations_for_training(root):
    (root / TRAIN).unlink()
    with pytest.raises(DataError, match="none of the splits is for training; there are val2017"):
        open_source(config_of(root))
    (root / VAL).unlink()
    with pytest.raises(DataError, match=r"no JSON file with the name of a split, such as .* \(it has none at all\)"):
        open_source(config_of(root))
    with pytest.raises(DataError, match=r"data.images: there is no split 'tset'; there are train"):
        open_source(config_of(root, annotations={"train": TRAIN}, images={"tset": "x"}))


def test_a_box_within_the_picture_is_as_it_was():
    box = Box(1, 2, 3, 4, 0, 12.0)
    assert within(box, 20, 10) == box
    assert within(Box(-1, -2, 30, 40, 0, 12.0), 20, 10) == Box(0, 0, 20, 10, 0, 12.0)


def test_no_student_learns_from_boxes_but_the_teacher_may_be_asked(root, run):
    def refused(command, **study):
        config = config_of(root, study=study)
        for check in STAGES[command].checks:
            check(config, run)

    for command in ("train", "tune", "aspects score", "aspects audit"):
        with pytest.raises(ConfigError, match=r"^data.source: the images of coco have boxes and not one label each"):
            refused(command)
    with pytest.raises(ConfigError, match="boxes and not one label each"):
        describe_study(config_of(root), run)
    with pytest.raises(ConfigError, match="boxes and not one label each"):
        refused("extract", arms=["ce", "zero_shot_kd"])
    assert not STAGES["images"].checks
    extract = [check for check in STAGES["extract"].checks if check.__name__ in ("class_answers", "questions")]
    assert [check(config_of(root), run) for check in extract] == ["52 questions", ""]
