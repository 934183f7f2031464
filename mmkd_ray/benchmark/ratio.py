"""A claim of a benchmark: contenders compared round by round, and whether the rounds agree."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DISTURBED = 1.5
"""Rounds that differ by more than this factor mean that something disturbed them, or the machine is too noisy to say.

On an otherwise idle machine of two cores they differ by a factor of 1.01 to 1.35. Beside other work one run had rounds
that differed tenfold, and a median of 229 where 10 is true.
"""

REACHED, MISSED, UNKNOWN, NO_GOAL = "reached", "not reached", "not measured", ""
_DISTURBED, _ONE_ROUND = "disturbed", "one round says nothing"


def over(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """The ratio of two contenders, round by round."""
    return [one / other for one, other in zip(ours, theirs, strict=True)]


@dataclass(frozen=True)
class Ratio:
    """One number that is claimed: the median of the rounds' own ratios, so that what slows a round slows both sides."""

    name: str
    rows: Mapping[str, Sequence[float]]
    """The rounds of each thing that was compared (a workload, a student); empty where nothing could be measured."""
    goal: float | None = None
    """What the median should be at least, or at most; no goal if None."""
    lower_is_better: bool = False
    zero: float = 0.0
    """What counts as nothing when rounds are compared: -1 for an overhead, which is a ratio less 1; 1 for a share of
    the time that should be near 0, since it is the rest of the time that is measured."""

    @property
    def row(self) -> str | None:
        """The row that is quoted: the worst."""
        worst = max if self.lower_is_better else min
        return worst(self.rows, key=lambda row: statistics.median(self.rows[row])) if self.rows else None

    @property
    def rounds(self) -> list[float]:
        """Of the worst row."""
        return list(self.rows[self.row]) if self.row is not None else []

    @property
    def median(self) -> float | None:
        """Of the worst row's rounds."""
        return statistics.median(self.rounds) if self.rounds else None

    @property
    def spread(self) -> float | None:
        """The largest round over the smallest, of the row in which they differ most."""
        return max((self._spread(rounds) for rounds in self.rows.values()), default=None)

    @property
    def disturbed(self) -> bool:
        """Whether the rounds of any row differ by more than `DISTURBED`."""
        return self.spread is not None and self.spread > DISTURBED

    @property
    def reached(self) -> bool | None:
        """Whether the goal is reached, which nothing disturbed ever is, nor what has one round alone.

        None without a goal or a measurement.
        """
        if self.goal is None or self.median is None:
            return None
        good = self.median <= self.goal if self.lower_is_better else self.median >= self.goal
        return good and not self.disturbed and not self._single

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "median": _rounded(self.median),
            "row": self.row,
            "rounds": [_rounded(value) for value in self.rounds],
            "spread": _rounded(self.spread),
            "goal": self._goal() or None,
            "reached": self.reached,
            "disturbed": self.disturbed,
        }

    def table_row(self) -> str:
        """A row of a Markdown table."""
        if self.median is None:
            return f"| `{self.name}` |  |  | {self._goal()} | {UNKNOWN} |"
        rounds = ", ".join(f"{value:.3g}" for value in self.rounds)
        return f"| `{self.name}` | {self.median:.4g} | {rounds} | {self._goal()} | {self._outcome()} |"

    def _goal(self) -> str:
        if self.goal is None:
            return ""
        return f"at {'most' if self.lower_is_better else 'least'} {self.goal:g}"

    def _outcome(self) -> str:
        if self.disturbed:
            return f"{_DISTURBED} (rounds differ by a factor of {self.spread:.3g})"
        if self._single and self.goal is not None:
            return _ONE_ROUND
        return {True: REACHED, False: MISSED, None: NO_GOAL}[self.reached]

    @property
    def _single(self) -> bool:
        """Whether a row has one round alone."""
        return any(len(rounds) < 2 for rounds in self.rows.values())

    def _spread(self, rounds: Sequence[float]) -> float:
        sizes = [abs(value - self.zero) for value in rounds]
        return max(sizes) / min(sizes) if min(sizes) > 0 else float("inf") if max(sizes) > 0 else 1.0


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
