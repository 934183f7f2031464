"""What lies beside images and is none by its name: it is skipped, and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

_FOLDERS = {
    *("@eadir", "@recycle", "@recently-snapshot", "#recycle", "#snapshot", "lost+found"),
    *("__macosx", "$recycle.bin", "system volume information", "__pycache__"),
}
"""Thumbnails of NAS servers, leftovers of archives and waste bins, in small letters."""
_FILES = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "license", "readme", "makefile"}
_ENDINGS = frozenset(
    (  # noqa: SIM905
        "aae bak bin cache cfg ckpt cls css csv db db:encryptable doc docx exe gz h5 hdf5 html htm identifier info "
        "ini ipynb js json jsonl lnk lock log lst mat md md5 names npy npz onnx parquet part pickle pkl pt pth py "
        "rar rtf safetensors sh sha256 sqlite tar tfrecord tgz thm tmp toml tsv txt url xls xlsx xml xmp yaml yml "
        "zip 7z"
    ).split()
)
"""Of notes, annotations, archives, models and the like, and of what Windows keeps beside a file
(`0.png:Zone.Identifier`). What a person would call a picture (`.heic`, `.svg`, a video) is not among them: that it
cannot be read is told."""
_SHOWN = 6


class Skipped:
    """Decides by name what is no image, and counts it."""

    def __init__(self, exclude: Sequence[str] = (), storage: str = "") -> None:
        """Set what is skipped besides the usual.

        Args:
            exclude: patterns of `data.exclude`.
            storage: path within the tree of the runs' own storage; empty if that lies elsewhere.
        """
        self._storage = storage
        self._excluded: Counter[str] = Counter(dict.fromkeys(exclude, 0))
        self._files: Counter[str] = Counter()
        self._folders: Counter[str] = Counter()

    def file(self, path: str) -> bool:
        """Whether a file is skipped."""
        name = PurePosixPath(path).name
        ending = PurePosixPath(name.lower()).suffix.removeprefix(".")
        if self._is_excluded(path):
            return True
        if name.startswith("."):
            self._files["hidden"] += 1
        elif name.lower() in _FILES:
            self._files[name] += 1
        elif ending in _ENDINGS:
            self._files[f".{ending}"] += 1
        else:
            return False
        return True

    def folder(self, path: str) -> bool:
        """Whether a folder is skipped with all that it holds."""
        name = PurePosixPath(path).name
        if self._is_excluded(path):
            return True
        if name.lower() in _FOLDERS or name.startswith("."):
            self._folders[name] += 1
        elif path == self._storage:
            self._folders[f"{name} (storage.path)"] += 1
        else:
            return False
        return True

    def lines(self) -> list[str]:
        """What was skipped: a line for files, one for folders, one for `data.exclude`."""
        lines = []
        if self._files:
            lines.append(f"skipped {self._files.total():,} files that are no images by name: {_counts(self._files)}")
        if self._folders:
            lines.append(f"skipped folders: {_counts(self._folders)}")
        for pattern, count in self._excluded.items():
            lines.append(f"data.exclude: '{pattern}' matches {f'{count:,} paths' if count else 'nothing'}")
        return lines

    def _is_excluded(self, path: str) -> bool:
        """Whether a pattern matches the path within the tree, or, if it has no slash, the name."""
        for pattern in self._excluded:
            wanted = pattern.removeprefix("./").rstrip("/")
            if fnmatchcase(path, wanted) or ("/" not in wanted and fnmatchcase(PurePosixPath(path).name, wanted)):
                self._excluded[pattern] += 1
                return True
        return False


def _counts(counter: Counter[str]) -> str:
    shown = ", ".join(f"{name} {count:,}" for name, count in counter.most_common(_SHOWN))
    return shown + (f" and {len(counter) - _SHOWN} other kinds" if len(counter) > _SHOWN else "")
