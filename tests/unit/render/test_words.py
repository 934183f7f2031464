from __future__ import annotations

import pytest

from mmkd_ray.render import words


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(4.23, "4.2 s"), (9.97, "10 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (3900, "1 h 5 min")],
)
def test_duration(seconds: float, shown: str) -> None:
    assert words.duration(seconds).replace("\N{NO-BREAK SPACE}", " ") == shown


@pytest.mark.parametrize(
    ("number", "noun", "shown"),
    [
        (1, "seed", "1 seed"),
        (1200, "test image", "1,200 test images"),
        (2, "class", "2 classes"),
        (1, "class", "1 class"),
    ],
)
def test_count(number: int, noun: str, shown: str) -> None:
    assert words.count(number, noun) == shown
