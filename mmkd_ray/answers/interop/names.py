"""Match the names in an imported file to images."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property

from mmkd_ray.answers.interop.wording import count, examples
from mmkd_ray.errors import DataError

_EXTENSION = re.compile(r"\.(png|jpe?g|jpe|webp|gif|bmp|tiff?|ppm|avif|heic|jp2)$", re.IGNORECASE)
_AGREEING = sys.maxsize
_Path = tuple[str, ...]


@dataclass(frozen=True)
class Matches:
    """The result of matching names."""

    image_of: dict[str, str]
    """{name: id of the wanted image that it matches}."""
    not_wanted: tuple[str, ...]
    """Names that match images of the run that are not wanted."""
    unmatched: tuple[str, ...]
    """Names that match no image of the run."""
    only_ends: bool
    """Whether the folders in the names differ from the images', so that only the last parts were compared."""


def match_names(names: Iterable[str], wanted: Collection[str], others: Iterable[str], place: str) -> Matches:
    """Find the image of each name: by its whole id, else by the last parts of name and id as paths.

    A name agrees with an id if one is the end of the other, with or without the extension of an image file:
    `jpg/7.jpg`, `7.jpg` and `7` agree with `7.jpg` and with `jpg/7.png`. Only if no name of the file agrees with any id
    (`jpg/7.jpg`, if ids are `train/rose/7.jpg`), the parts before may differ; then the names match that have the most
    last parts in common.

    Args:
        names: the names in the file; duplicates are allowed.
        wanted: ids of the images that answers are wanted for.
        others: ids of the run's other images.
        place: the file, for messages.

    Raises:
        DataError: a name matches several images, or different names match one image; with examples.
    """
    index = _Index((*wanted, *others))
    found = {name: index.find(name) for name in names}
    level = max((level for level, _ in found.values()), default=0)
    ids_of = {name: ids if at == level else [] for name, (at, ids) in found.items()}
    wanted = set(wanted)
    matching_wanted = {name: ids for name, ids in ids_of.items() if not wanted.isdisjoint(ids)}
    _check_one_image(matching_wanted, place)
    image_of = {name: ids[0] for name, ids in matching_wanted.items()}
    _check_one_name(image_of, place)
    return Matches(
        image_of=image_of,
        not_wanted=tuple(name for name, ids in ids_of.items() if ids and name not in image_of),
        unmatched=tuple(name for name, ids in ids_of.items() if not ids),
        only_ends=0 < level < _AGREEING,
    )


class _Index:
    """The ids of images, by the last parts of their paths."""

    def __init__(self, ids: Iterable[str]) -> None:
        self._ids = frozenset(ids)

    def find(self, name: str) -> tuple[int, list[str]]:
        """The quality of the best match for a name (`_AGREEING`, or the number of common last parts), and its ids."""
        if name in self._ids:
            return _AGREEING, [name]
        path = _path(name)
        if ids := _look_up(self._ends, path):
            return _AGREEING, ids
        ends = [path[start:] for start in range(1, len(path))]
        for end in ends:
            if ids := _look_up(self._wholes, end):
                return _AGREEING, ids
        for end in ends:
            if ids := _look_up(self._ends, end):
                return len(end), ids
        return 0, []

    @cached_property
    def _wholes(self) -> dict[_Path, list[str]]:
        return _collect((key, image_id) for image_id in self._ids for key in _keys(_path(image_id)))

    @cached_property
    def _ends(self) -> dict[_Path, list[str]]:
        return _collect(
            (key, image_id)
            for image_id, path in ((image_id, _path(image_id)) for image_id in self._ids)
            for start in range(len(path))
            for key in _keys(path[start:])
        )


def _path(name: str) -> _Path:
    """The parts of a name, in the form of Unicode that Linux usually has (macOS decomposes accents)."""
    normal = unicodedata.normalize("NFC", name).replace("\\", "/")
    return tuple(part for part in normal.split("/") if part not in ("", "."))


def _keys(path: _Path) -> set[_Path]:
    """A path with the extension and without."""
    return {path, (*path[:-1], _EXTENSION.sub("", path[-1]))} if path else {path}


def _look_up(index: dict[_Path, list[str]], path: _Path) -> list[str]:
    """The ids under a path; if there are none, those under the path without its extension."""
    if not path:
        return []
    return index.get(path) or index.get((*path[:-1], _EXTENSION.sub("", path[-1]))) or []


def _collect(pairs: Iterable[tuple[_Path, str]]) -> dict[_Path, list[str]]:
    index = defaultdict(list)
    for key, image_id in pairs:
        index[key].append(image_id)
    return dict(index)


def _check_one_image(ids_of: dict[str, list[str]], place: str) -> None:
    ambiguous = {name: sorted(ids) for name, ids in ids_of.items() if len(ids) > 1}
    if ambiguous:
        shown = [f"'{name}' ({' or '.join(ids[:3])})" for name, ids in ambiguous.items()]
        raise DataError(
            f"{place}: {count(len(ambiguous), 'name')} could match several images, {examples(shown)}; "
            "write more of the path into the names"
        )


def _check_one_name(image_of: dict[str, str], place: str) -> None:
    """Different names may match one image only if one is the end of the other."""
    names_of: dict[str, list[str]] = defaultdict(list)
    for name, image_id in image_of.items():
        names_of[image_id].append(name)
    clashes = {image_id: names for image_id, names in names_of.items() if len(names) > 1 and not _nested(names)}
    if clashes:
        shown = [f"{image_id} ({' or '.join(map(repr, sorted(names)[:3]))})" for image_id, names in clashes.items()]
        raise DataError(
            f"{place}: {count(len(clashes), 'image')} could match several names, {examples(shown)}; "
            "use the images' folders in the names"
        )


def _nested(names: list[str]) -> bool:
    paths = sorted(map(_path, names), key=len)
    return all(paths[-1][-len(path) :] == path for path in paths)
