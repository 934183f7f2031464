"""The command that clears a storage path."""

from __future__ import annotations

import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from mmkd_ray.cli.request import Request

if TYPE_CHECKING:
    from mmkd_ray.console import Table
    from mmkd_ray.gc import Unused


def gc(
    place: Annotated[
        str,
        Argument(metavar="STORAGE|CONFIG", help="folder or URI of all runs, e.g. runs, or a YAML file that names it"),
    ],
    delete: Annotated[bool, Option("--delete", help="delete what is listed")] = False,
) -> Request:
    """List what no run uses: images, answers, leftovers of killed processes, images of this machine for training."""
    return Request(partial(_collect, place, delete=delete))


def _collect(place: str, *, delete: bool) -> int:
    from mmkd_ray import gc as garbage
    from mmkd_ray.artifacts import Folder
    from mmkd_ray.config import load
    from mmkd_ray.console import Console
    from mmkd_ray.errors import ArtifactError
    from mmkd_ray.stages.opening import storage_of

    storage = Folder.at(storage_of(load(place)) if place.endswith((".yaml", ".yml")) else place)
    if not storage.names():
        raise ArtifactError(f"{storage.uri} holds no runs; give the storage.path of some, or their configuration")
    console, items = Console(sys.stdout), [*garbage.unused(storage), *_decoded()]
    if not items:
        console.say(f"nothing unused in {storage.uri}")
        return 0
    console.say(_table(items))
    total = f"{len(items)} unused, {_size(sum(item.size for item in items))} in {storage.uri}"
    if delete:
        garbage.delete(items)
        console.say(f"\n{total}: deleted")
    else:
        console.say(f"\n{total}; to delete them: mmkd gc {place} --delete")
    return 0


def _decoded() -> list[Unused]:
    """Files of images for training on this machine that no process has opened within the last hour."""
    from mmkd_ray.artifacts import Folder
    from mmkd_ray.data.feed.files import cached_files
    from mmkd_ray.gc import YOUNG_S, Unused

    found, reason = [], "images of this machine for training, for runs to come"
    for file in cached_files():
        status = file.stat()
        if (age := time.time() - status.st_mtime) > YOUNG_S:
            found.append(Unused(Folder(str(file.parent)), file.name, status.st_size, age, reason))
    return found


def _table(items: list[Unused]) -> Table:
    from mmkd_ray.console import Table

    rows = [(_size(item.size), f"{item.age_s / 3600:,.0f} h", item.uri, item.reason) for item in items]
    return Table(("size", "age", "place", "why"), rows, right=frozenset({0, 1}))


def _size(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"
