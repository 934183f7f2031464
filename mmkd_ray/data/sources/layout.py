"""How the folders of a tree are read: as classes, or as splits that hold classes; what is ambiguous is refused."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from mmkd_ray.data.sources.listing import Found, Tree
from mmkd_ray.errors import DataError, few

_SPLIT_OF = {
    **dict.fromkeys(("train", "training", "trainval"), "train"),
    **dict.fromkeys(("val", "valid", "validate", "validation", "dev", "development"), "val"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}
"""The words that Hugging Face's data sets know, in any case, possibly beside a word such as `set` and a number."""
_BESIDE = "(?:set|split|data|dataset|images?|imgs?|pictures?)"
_WORD = re.compile(rf"[0-9]*{_BESIDE}?({'|'.join(sorted(_SPLIT_OF, key=len, reverse=True))}){_BESIDE}?[0-9]*")
ACCEPTED = (
    "accepted are CLASS/IMAGE, or SPLIT/CLASS/IMAGE with train/ (or training), and as far as they are there val/ "
    "(valid, validation, dev), test/ (testing, eval), and shift sets of any other name"
)


@dataclass(frozen=True)
class Layout:
    """Where splits and classes stand in a path."""

    root: str
    """As the configuration names it, for messages."""
    splits: dict[str, str] = field(default_factory=dict)
    """Folder: split (`train`, `val`, `test`, or a shift set's own name); empty where all folders are classes."""

    @property
    def depth(self) -> int:
        """Folders above an image: its class, and its split where there are any."""
        return 2 if self.splits else 1

    def place(self, item: Found) -> tuple[str, str] | None:
        """Split and class of what lies in a class folder, or may be one; None for what lies in none.

        Raises:
            DataError: something at the place of a split cannot be read: how much is missing is not known.
        """
        parts = item.path.rstrip("/").split("/")
        if len(parts) > self.depth or (len(parts) == self.depth and item.hides_files):
            split = self.splits[parts[0]] if self.splits else "train"
            return split, unicodedata.normalize("NFC", parts[self.depth - 1])
        if item.hides_files:
            raise DataError(f"data.path: '{self.root}/{item.path}': {item.problem}; make it readable, or remove it")
        return None

    def lines(self) -> list[str]:
        """How each folder was read."""
        if not self.splits:
            return ["read as CLASS/IMAGE: every folder is a class"]
        roles = {"train": "train", "val": "val", "test": "test"}
        read = [f"{folder}/ is {roles.get(split, 'a shift set')}" for folder, split in self.splits.items()]
        return [f"read as SPLIT/CLASS/IMAGE: {', '.join(read)}"]


def split_of(folder: str) -> str | None:
    """The split that a folder's name means: `Training_Set` and `train2017` are `train`; None if it is no such word."""
    found = _WORD.fullmatch(re.sub(r"[\W_]", "", folder.casefold()))
    return _SPLIT_OF[found[1]] if found else None


def read_layout(tree: Tree, root: str) -> Layout:
    """Decide whether the folders of a tree are classes or splits.

    Args:
        tree: what lies below `data.path`.
        root: `data.path`, for messages.

    Raises:
        DataError: they could be either, two are the same split, or none is for training.
    """
    inside = _top_level(tree)
    words = {folder: split for folder in inside if (split := split_of(folder))}
    if not words:
        _refuse_classes_of_splits(inside, root)
        _refuse_names_with_splits(inside, root)
        return Layout(root)
    _refuse_the_same_split(words, root)
    # One that cannot be listed may hold anything: `Layout.place` refuses it by name.
    closed = {item.path.rstrip("/") for item in tree.found if item.path.endswith("/")}
    _refuse_flat([folder for folder in inside if not inside[folder] and folder not in closed], inside, words, root)
    if "train" not in words.values():
        raise DataError(f"data.path: '{root}' has {few(words, slash=True)} but no train/; {ACCEPTED}")
    return Layout(root, {folder: words.get(folder, folder) for folder in inside})


def _refuse_flat(flat: list[str], inside: Collection[str], words: Collection[str], root: str) -> None:
    """Folders that hold images themselves may be classes, and then the one with a split's name may be one, too."""
    if not flat:
        return
    shown = few(flat, slash=True)
    if others := [folder for folder in inside if folder not in words]:
        raise DataError(
            f"data.path: '{root}': {next(iter(words))}/ may be a split or a class: it lies beside "
            f"{few(others, slash=True)}, and {shown} {'holds' if len(flat) == 1 else 'hold'} images itself, "
            f"not folders of classes; {ACCEPTED}; rename what is a class, or leave a folder out by data.exclude"
        )
    raise DataError(f"data.path: '{root}': no folders of classes in {shown}, which are splits; {ACCEPTED}")


def _top_level(tree: Tree) -> dict[str, set[str]]:
    """Of each folder of the root that holds anything: its own folders that do."""
    inside: defaultdict[str, set[str]] = defaultdict(set)
    for item in tree.found:
        top, *rest = item.path.rstrip("/").split("/")
        if rest or item.path.endswith("/"):
            # Something that cannot be listed may be a folder.
            inside[top].update(rest[:1] if len(rest) > 1 or item.hides_files else [])
    return dict(inside)


def _refuse_classes_of_splits(inside: dict[str, set[str]], root: str) -> None:
    """Folders whose own folders are all splits are no classes: CLASS/SPLIT/IMAGE, or a folder too many around."""
    for folder, inner in inside.items():
        if inner and all(split_of(name) for name in inner):
            advice = "put the splits above the classes"
            if len(inside) == 1:
                advice = f"give data.path={root.rstrip('/')}/{folder}"
            raise DataError(
                f"data.path: '{root}': {folder}/ holds {few(sorted(inner), slash=True)}, which are splits and not "
                f"images of a class '{folder}'; {ACCEPTED}: {advice}"
            )


def _refuse_names_with_splits(folders: Iterable[str], root: str) -> None:
    """`birds_train/` and `birds_test/` may be two splits, or two splits of one class, and are hardly two classes."""
    same: defaultdict[tuple[str, ...], dict[str, str]] = defaultdict(dict)
    for folder in folders:
        words = [word for word in re.split(r"[\W_]+", folder.casefold()) if word]
        splits = [word for word in words if split_of(word)]
        if len(splits) == 1:
            same[tuple(word for word in words if word != splits[0])][folder] = split_of(splits[0]) or ""
    for named in same.values():
        if len(set(named.values())) > 1:
            raise DataError(
                f"data.path: '{root}': {few(named, slash=True)} differ in the name of a split alone: are they splits "
                f"or classes? {ACCEPTED[0].upper()}{ACCEPTED[1:]}; rename them"
            )


def _refuse_the_same_split(words: dict[str, str], root: str) -> None:
    folders: defaultdict[str, list[str]] = defaultdict(list)
    for folder, split in words.items():
        folders[split].append(folder)
    for split, names in folders.items():
        if len(names) > 1:
            raise DataError(
                f"data.path: '{root}': {few(names, slash=True)} all mean '{split}'; keep one, rename the other for a "
                "shift set of its own, or leave it out by data.exclude"
            )
