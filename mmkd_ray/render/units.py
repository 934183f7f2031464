"""How values of a unit are shown: `67.2`, `67.2 %`, `+3.0`, `+3.0 points`, `+1.6 to +4.3`."""

from __future__ import annotations

from dataclasses import dataclass

from mmkd_ray.render.words import MISSING

_MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Unit:
    """A unit of numbers, and of the differences between them."""

    name: str
    """Follows "in": `percent`."""
    differences: str
    """Likewise, of differences: `percentage points`."""
    factor: float
    """A value is multiplied by it to be shown."""
    digits: int
    """After the decimal point."""
    sign: str = ""
    """Stands after a value: ` %`."""
    difference_sign: str = ""
    """Stands after a difference: ` points`."""

    def text(self, value: float | None) -> str:
        """A value without its sign."""
        return MISSING if value is None else f"{self.factor * value:.{self.digits}f}"

    def text_with_sign(self, value: float | None) -> str:
        """A value with its sign."""
        return MISSING if value is None else f"{self.text(value)}{self.sign}"

    def difference(self, difference: float | None, *, minus: str = _MINUS) -> str:
        """A difference, with plus or minus."""
        if difference is None:
            return MISSING
        value = round(self.factor * difference, self.digits)
        return f"{'+' if value > 0 else minus if value < 0 else ''}{abs(value):.{self.digits}f}"

    def difference_with_sign(self, difference: float | None) -> str:
        """A difference with its sign."""
        return MISSING if difference is None else f"{self.difference(difference)}{self.difference_sign}"

    def span(self, low: float, high: float) -> str:
        """An interval of values."""
        return f"{self.text(low)} to {self.text(high)}"

    def interval(self, low: float | None, high: float | None) -> str:
        """An interval of differences."""
        return MISSING if low is None or high is None else f"{self.difference(low)} to {self.difference(high)}"


SHARE = Unit("percent", "percentage points", 100, 1, "\N{NO-BREAK SPACE}%", " points")
"""Of values in [0, 1]."""
AUC = Unit("AUC", "AUC", 1, 2)
"""Of areas under a ROC curve: 0.5 is chance."""
NATS = Unit("nats", "nats", 1, 3)
SCORE = Unit("score", "score", 1, 3)
"""Of scores without a unit."""
