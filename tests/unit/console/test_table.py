import io

import pytest
import rich.console

from mmkd_ray.console import Table

TABLE = Table(
    ("question", "bits"), [("Is it a bird?", "0.579"), ("Is it?", "10.1")], right=frozenset({1}), notes={1: "dead: why"}
)


def test_as_text_it_is_aligned():
    assert str(TABLE).splitlines() == [
        "question        bits",
        "--------------------",
        "Is it a bird?  0.579",
        "Is it?          10.1",
        "      dead: why",
    ]


@pytest.mark.parametrize("columns", [80, 16])
def test_drawn_it_fits_the_terminal(columns):
    stream = io.StringIO()
    rich.console.Console(file=stream, width=columns).print(TABLE)
    lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= columns
    joined = "".join("".join(lines).split())
    assert "10.1" in joined
    assert "question" in joined
