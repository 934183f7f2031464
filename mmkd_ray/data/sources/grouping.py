"""Which object an image shows, by its path: `data.group`."""

from __future__ import annotations

import re
from dataclasses import replace

from mmkd_ray.data.sources.files import ImageFile
from mmkd_ray.errors import DataError


def with_groups(files: list[ImageFile], pattern: str) -> list[ImageFile]:
    """The files with the text that the pattern's first pair of brackets finds in their paths.

    Args:
        files: in their order, which stays.
        pattern: `data.group`; the files stay as they are if it is empty.

    Raises:
        DataError: the pattern is no regular expression, has no brackets, or finds nothing in any path.
    """
    if not pattern or not files:
        return files
    paths = [file.found.path for file in files]
    advice = (
        f"give a regular expression whose first pair of brackets holds the object's name, e.g. '([^/]+)_', for paths "
        f"such as '{paths[0]}'"
    )
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise DataError(f"data.group: got '{pattern}', no regular expression ({error}); {advice}") from error
    if not compiled.groups:
        raise DataError(f"data.group: '{pattern}' has no pair of brackets; {advice}")
    matches = [compiled.search(path) for path in paths]
    groups = [(match[1] or None) if match else None for match in matches]
    if not any(groups):
        raise DataError(f"data.group: '{pattern}' finds nothing in any of {len(paths):,} paths; {advice}")
    return [replace(file, group=group) for file, group in zip(files, groups, strict=True)]
