"""A disk that takes no more: one sentence about where, how much is free, and what to do."""

from __future__ import annotations

import errno
import shutil
from contextlib import suppress
from pathlib import Path

from mmkd_ray.errors import ArtifactError, causes

_REASONS = {
    errno.ENOSPC: "no space left",
    errno.EDQUOT: "the quota is used up",
    errno.EFBIG: "the file is larger than this process may write (ulimit -f)",
    errno.EACCES: "permission denied",
    errno.EROFS: "read-only",
}
_FULL = {errno.ENOSPC, errno.EDQUOT}


def disk_error(error: BaseException, place: str = "") -> ArtifactError | None:
    """The error about a full or closed disk that is among the causes of another one, if there is one.

    Args:
        error: what was raised.
        place: what was being written, where the error itself does not say.
    """
    for cause in causes(error):
        if isinstance(cause, OSError) and cause.errno in _REASONS:
            where = str(place or cause.filename or "")
            advice = (
                "free some, or set storage.path elsewhere" if cause.errno in _FULL else "set storage.path elsewhere"
            )
            return ArtifactError(
                f"storage: {_REASONS[cause.errno]}{f' for {where}' if where else ''}{_free(where)}: {advice}; the same "
                "command continues"
            )
    return None


def _free(place: str) -> str:
    """How much is free where a local file is, in brackets."""
    path = Path(place)
    if not path.is_absolute():
        return ""
    with suppress(OSError):
        there = next(parent for parent in (path, *path.parents) if parent.exists())
        return f" ({shutil.disk_usage(there).free / 2**20:,.1f} MiB free)"
    return ""
