"""The folder that an export is written to: new, or another export's, which is exchanged when the new one is whole."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmkd_ray.artifacts import Folder
from mmkd_ray.artifacts.disk import disk_error
from mmkd_ray.config.locations import absolute
from mmkd_ray.errors import ArtifactError, ConfigError, few
from mmkd_ray.students.bundle import CARD, read_card
from mmkd_ray.students.forms import FORMS

_WRITTEN = {CARD, "README.md", "config.json", *(form.weights for form in FORMS.values())}
"""What exports consist of."""


def check_place(to: str) -> Path:
    """The folder as an absolute path, which may be written.

    Raises:
        ConfigError: it is not on this machine.
        ArtifactError: it holds something else than an export, or more than one.
    """
    if "://" in to:
        raise ConfigError(f"--to: got '{to}'; an export is verified on this machine: give a local folder, and copy it")
    place = Path(absolute(to))
    if place.is_dir() and not any(place.iterdir()):
        return place
    if place.exists() and not _is_export(place):
        raise ArtifactError(
            f"--to: {place} is there and is not an export, so it is left as it is; give a new or an empty folder"
        )
    if place.exists() and (more := sorted({file.name for file in place.iterdir()} - _WRITTEN)):
        raise ArtifactError(
            f"--to: {place} is an export, and also holds {few(more, most=3)}, which would be lost; give a new or an "
            "empty folder, or move the others away"
        )
    return place


def _is_export(place: Path) -> bool:
    folder = Folder(str(place))
    try:
        return place.is_dir() and folder.exists(CARD) and read_card(folder).form != "student"
    except ArtifactError:
        return False


@contextmanager
def written_whole(place: Path) -> Iterator[Path]:
    """A new folder, which takes the name `place` when the block has ended well, and is deleted otherwise.

    Raises:
        ArtifactError: the disk is full, read-only or not ours.
    """
    new = place.with_name(f".{place.name}.{uuid.uuid4().hex}.part")
    try:
        new.mkdir(parents=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ArtifactError(f"--to: {place} cannot be written: {reason}; give another folder") from error
    try:
        yield new
        old = place.with_name(f"{new.name}.old")
        if place.exists():
            place.rename(old)
        new.rename(place)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        if (known := disk_error(error, str(place))) is None:
            raise
        raise known from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
