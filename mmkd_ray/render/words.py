"""Numbers and names as they stand in the report."""

from __future__ import annotations

MISSING = "\N{EN DASH}"
"""Stands where there is nothing to show: no spread with one seed, no shift set, ..."""
_MINUS = "\N{MINUS SIGN}"
_SPACE = "\N{NO-BREAK SPACE}"

_NAMES = {"ce": "cross-entropy alone", "makd": "MaKD", "random": "noise targets", "shuffled": "shuffled answers"}


def arm_name(arm: str) -> str:
    """An arm as it is called within a sentence."""
    return _NAMES.get(arm, arm)


def capital(text: str) -> str:
    """The text with its first letter large, the others as they are."""
    return text[:1].upper() + text[1:]


def percent(share: float | None) -> str:
    """A share in [0, 1] in percent with one digit, without the sign: 0.672 -> 67.2."""
    return MISSING if share is None else f"{100 * share:.1f}"


def decimal(value: float | None) -> str:
    """A probability or an AUC, with two digits."""
    return MISSING if value is None else f"{value:.2f}"


def duration(seconds: float | None) -> str:
    """A time, no finer than it matters: 4.2 s, 3 min 20 s, 1 h 5 min."""
    if seconds is None:
        return MISSING
    if seconds < 9.95:
        return f"{seconds:.1f}{_SPACE}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}{_SPACE}s"
    if whole < 3600:
        return f"{whole // 60}{_SPACE}min {whole % 60}{_SPACE}s"
    return f"{whole // 3600}{_SPACE}h {whole % 3600 // 60}{_SPACE}min"


def count(number: int, noun: str) -> str:
    """A number with its noun: 1 seed, 1,200 images."""
    plural = noun if number == 1 else f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number:,} {plural}"


def level(confidence: float) -> str:
    """A level of confidence: 95 %."""
    return f"{100 * confidence:.4g}{_SPACE}%"
