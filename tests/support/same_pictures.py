"""The same pictures in every form that a source reads."""

from __future__ import annotations

import csv
import io
import json
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from tests.support.pictures import encode


@dataclass(frozen=True)
class Picture:
    path: str
    class_name: str
    split: str
    encoded: bytes


CLASSES = ("chouette", "épervier", "鶴")
PICTURES = [
    Picture(
        f"{split}/{class_name}/{number}.{kind.lower()}",
        class_name,
        split,
        encode(Image.new("RGB", (8, 8), (40 * place, 20 * number, len(split) * 20)), kind),
    )
    for place, class_name in enumerate(CLASSES)
    for split, count in (("train", 4), ("val", 2), ("test", 2), ("night", 1))
    for number, kind in zip(range(count), ("PNG", "JPEG", "PNG", "WEBP"), strict=False)
]
WORDS = {"train": "Training", "val": "validation", "test": "test", "night": "night"}
"""The splits as the data sets of these tests call them."""


def folder(root: Path) -> dict[str, str]:
    for picture in PICTURES:
        (root / picture.path).parent.mkdir(parents=True, exist_ok=True)
        (root / picture.path).write_bytes(picture.encoded)
    return {"source": "folder", "path": str(root)}


def table_csv(root: Path) -> dict[str, str]:
    folder(root)
    with (root / "birds.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["Filename", "note", "class", "Set"])
        writer.writerows([p.path, "a, b", p.class_name, WORDS[p.split]] for p in PICTURES)
    return {"source": "table", "path": str(root / "birds.csv")}


def table_jsonl(root: Path) -> dict[str, str]:
    folder(root / "images")
    rows = [{"path": p.path, "label": p.class_name, "split": WORDS[p.split]} for p in PICTURES]
    text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (root / "birds.jsonl").write_text(text, encoding="utf-8")
    return {"source": "table", "path": str(root / "birds.jsonl"), "root": str(root / "images")}


def table_parquet(root: Path) -> dict[str, str]:
    folder(root)
    rows = [{"image": f"file://{root / p.path}", "label": p.class_name, "split": WORDS[p.split]} for p in PICTURES]
    pq.write_table(pa.Table.from_pylist(rows), root / "birds.parquet")
    return {"source": "table", "path": f"file://{root / 'birds.parquet'}"}


def parquet_bytes(root: Path) -> dict[str, str]:
    rows = [{"jpg": p.encoded, "thumb": None, "label": p.class_name, "split": WORDS[p.split]} for p in PICTURES]
    root.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), root / "birds.parquet", row_group_size=5)
    return {"source": "parquet", "path": str(root / "birds.parquet")}


def parquet_of_the_hub(root: Path) -> dict[str, str]:
    """Struct of bytes and path, ClassLabel in the metadata, a file or two for each split."""
    (root / "data").mkdir(parents=True, exist_ok=True)
    label = {"names": [*CLASSES, "never seen"], "_type": "ClassLabel"}
    facts = {"info": {"features": {"image": {"_type": "Image"}, "label": label}}}
    for split, word in WORDS.items():
        rows = [
            {"image": {"bytes": p.encoded, "path": f"{number}.png"}, "label": CLASSES.index(p.class_name)}
            for number, p in enumerate(PICTURES)
            if p.split == split
        ]
        for shard, part in enumerate((rows[:2], rows[2:])):
            table = pa.Table.from_pylist(part).replace_schema_metadata({"huggingface": json.dumps(facts)})
            pq.write_table(table, root / "data" / f"{word}-{shard:05d}-of-00002.parquet", row_group_size=3)
    return {"source": "parquet", "path": f"file://{root}"}


def parquet_of_paths(root: Path) -> dict[str, str]:
    """A folder for each split, and the images as files."""
    folder(root / "images")
    for split, word in WORDS.items():
        rows = [{"file": p.path, "class": p.class_name} for p in PICTURES if p.split == split]
        (root / "lists" / word).mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(rows), root / "lists" / word / "0000.parquet")
    return {"source": "parquet", "path": str(root / "lists"), "root": str(root / "images")}


def _hugging_face() -> datasets.DatasetDict:
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=[*CLASSES, "never seen"])}
    )
    return datasets.DatasetDict(
        {
            word: datasets.Dataset.from_list(
                [
                    {"image": {"bytes": p.encoded, "path": None}, "label": CLASSES.index(p.class_name)}
                    for p in PICTURES
                    if p.split == split
                ],
                features=features,
            )
            for split, word in WORDS.items()
        }
    )


def saved_to_disk(root: Path) -> dict[str, str]:
    _hugging_face().save_to_disk(root)
    return {"source": "huggingface", "path": str(root)}


def copy_of_the_hub(root: Path) -> dict[str, str]:
    """The files of a data set's repository."""
    parquet_of_the_hub(root)
    return {"source": "huggingface", "path": str(root)}


def put_in_tar(path: Path, members: Iterable[tuple[str, bytes]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def tars_with_json(root: Path) -> dict[str, str]:
    """Splits in the names of the files, two for each."""
    for split, word in WORDS.items():
        rows = [picture for picture in PICTURES if picture.split == split]
        for shard, part in enumerate((rows[:2], rows[2:])):
            members = []
            for number, p in enumerate(part):
                key = f"./{shard}{number:04d}"
                members.append((f"{key}{Path(p.path).suffix}", p.encoded))
                members.append((f"{key}.json", json.dumps({"label": p.class_name, "url": "?"}).encode()))
            put_in_tar(root / f"birds-{word}-{shard:06d}.tar", members)
    return {"source": "webdataset", "path": str(root)}


def tars_with_numbers(root: Path) -> dict[str, str]:
    """A folder for each split, and a file of classes."""
    for split, word in WORDS.items():
        members = []
        for number, p in enumerate(picture for picture in PICTURES if picture.split == split):
            members.append((f"{number}.cls", str(CLASSES.index(p.class_name)).encode()))
            members.append((f"{number}{Path(p.path).suffix}", p.encoded))
            members.append((f"{number}.txt", b"a caption"))
        put_in_tar(root / word / "0.tar", members)
    (root / "classes.txt").write_text("\n".join(CLASSES), encoding="utf-8")
    return {"source": "webdataset", "path": f"file://{root}", "classes": str(root / "classes.txt")}


WAYS: dict[str, Callable[[Path], dict[str, str]]] = {
    "folder": folder,
    "table as CSV": table_csv,
    "table as JSONL": table_jsonl,
    "table as Parquet": table_parquet,
    "Parquet with bytes": parquet_bytes,
    "Parquet as on the hub": parquet_of_the_hub,
    "Parquet with paths": parquet_of_paths,
    "save_to_disk": saved_to_disk,
    "copy of the hub's files": copy_of_the_hub,
    "tar files with JSON": tars_with_json,
    "tar files with numbers": tars_with_numbers,
}
"""By name, what writes them and gives `data` of a configuration."""
