"""What a tracker is: something that keeps a few numbers by epoch of one student or trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Subject:
    """What is tracked: one student of a study, or one trial of a search."""

    group: str
    """Name of the run."""
    name: str
    """For people."""
    key: str
    """The same after an interruption, and no other's."""
    params: Mapping[str, Any]
    """What it was trained with, flat."""


class Tracker(Protocol):
    """One place where curves are kept. It is made for one subject, and continues what it has of it."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Keep the values of an epoch.

        Args:
            step: the epoch; after an interruption all from the first on come again, and none is kept a second time.
            values: by name.
        """
        ...

    def close(self) -> None:
        """Write what is not written yet."""
        ...


def plain(params: Mapping[str, Any]) -> dict[str, str | int | float | bool]:
    """Parameters as every tracker takes them: numbers and booleans stay, all else becomes text."""
    return {key: value if isinstance(value, int | float) else str(value) for key, value in params.items()}
