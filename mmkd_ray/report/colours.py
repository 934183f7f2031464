"""The colour of each arm: the same in every report."""

from __future__ import annotations

from mmkd_ray.config import ARMS


def colour(arm: str) -> int:
    """Its number in the style sheet."""
    known: list[str] = list(ARMS)
    return known.index(arm) if arm in known else len(known)
