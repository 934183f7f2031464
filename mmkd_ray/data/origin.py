"""Where a run's images came from and since when: kept with the run, and compared with what its configuration says.

The place is no part of an identity (the same pictures elsewhere are the same pictures), so only this tells that a
configuration means other pictures than those that the run has.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from mmkd_ray.artifacts import Folder, Run
from mmkd_ray.config import Config
from mmkd_ray.config.locations import absolute
from mmkd_ray.errors import ArtifactError, MmkdError


def origin_of(config: Config) -> dict[str, str]:
    """The kind of source, and where its files are; drawn pictures have no place, whatever their seeds and sizes are.

    `path` is what the configuration says, `place` the same as it is meant from any folder.
    """
    facts = config.data.model_dump(include={"source", "dataset", "path"})
    if "path" in facts:
        facts["place"] = facts["path"] if "://" in facts["path"] else os.path.normpath(absolute(facts["path"]))
    return facts


def refer_to_images(config: Config, run: Run, folder: Folder) -> None:
    """Make a finished table the run's, and note where its images come from and since when, unless that stands there."""
    facts = {"key": folder.uri.rpartition("/")[2], "source": origin_of(config)}
    reference = run.image_reference()
    if any(reference.get(name) != value for name, value in facts.items()):
        run.refer_to_images(**facts, since=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC")


def require_origin(config: Config, run: Run) -> None:
    """Make sure that the configuration does not mean images from elsewhere than those that the run has.

    Raises:
        ArtifactError: it does.
    """
    before, now = run.image_reference().get("source"), origin_of(config)
    if before and run.images.record() and not _same(before, now):
        raise ArtifactError(
            f"{run.folder.uri} has the images of {_shown(before)} {_since(run)}, and the configuration says "
            f"{_shown(now)}: choose another name=, set data: back, or exchange the run's images by "
            "`mmkd images CONFIG --replace`"
        )


class Before:
    """The table that a run has before its images are looked at again."""

    def __init__(self, run: Run) -> None:
        self._run, self._folder, self._since = run, run.images, _since(run)

    def changes(self) -> list[str]:
        """A line on how many images the run's present table has more, less or changed, if it has another one now."""
        if self._folder == self._run.images or not self._folder.record():
            return []
        try:
            before, now = _rows(self._folder), _rows(self._run.images)
        except (OSError, MmkdError):
            return [f"other images than before ({self._since}), which cannot be read any more"]
        added, gone = len(now.keys() - before.keys()), len(before.keys() - now.keys())
        changed = sum(before[image] != now[image] for image in before.keys() & now.keys())
        if not (added or gone or changed):
            return []
        labels = "boxes" if _has_boxes(self._run.images) else "class"
        counts = f"{added:,} added, {gone:,} gone, {changed:,} with other content, {labels} or split"
        return [f"other images than before ({self._since}): {len(before):,} were, {len(now):,} are; {counts}"]


def _rows(folder: Folder) -> dict[str, tuple[Any, ...]]:
    """Content, class (or boxes) and split of each image of a table."""
    labels = "boxes" if _has_boxes(folder) else "class_name"
    columns, table = ["image_id", "sha256", labels, "split"], folder.child("table")
    parts = [table.child(split).read_table(columns=columns) for split in table.names()]
    return {image: tuple(facts) for image, *facts in zip(*pa.concat_tables(parts).to_pydict().values(), strict=True)}


def _has_boxes(folder: Folder) -> bool:
    return "boxes" in (folder.record() or {})


def _since(run: Run) -> str:
    since = run.image_reference().get("since")
    return f"since {since}" if since else "since an unknown time"


def _same(one: dict[str, str], other: dict[str, str]) -> bool:
    """Whether two origins are one.

    The folder of a job is another one each time, and a run may be copied to another machine with its relative paths: so
    what is written alike counts as one, too.
    """
    shared = [{key: facts.get(key) for key in ("source", "dataset")} for facts in (one, other)]
    return shared[0] == shared[1] and any(one.get(key) == other.get(key) for key in ("path", "place"))


def _shown(origin: dict[str, str]) -> str:
    """For a message: "folder /data/birds"."""
    return " ".join(origin[key] for key in ("source", "dataset", "place") if key in origin)
