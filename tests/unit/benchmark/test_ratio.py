import pytest

from mmkd_ray.benchmark.ratio import Ratio


def ratio(*rounds, **more):
    return Ratio("r", {"row": rounds} if rounds else {}, **more)


def test_a_goal_is_reached_by_the_median_of_the_rounds():
    assert ratio(0.94, 0.96, 0.97, goal=0.95).reached is True
    assert ratio(0.93, 0.94, 0.99, goal=0.95).reached is False
    assert ratio(1.1, 1.2, 1.3, goal=1.15, lower_is_better=True).reached is False
    assert ratio(1.1, 1.2, 1.3).reached is None


def test_rounds_far_apart_are_disturbed_and_reach_nothing():
    """As it was: a median of 229 beside other work, where 10 is true."""
    beside_other_work = ratio(24.0, 229.0, 300.0, goal=10)
    assert beside_other_work.disturbed
    assert beside_other_work.reached is False
    assert beside_other_work.table_row() == (
        "| `r` | 229 | 24, 229, 300 | at least 10 | disturbed (rounds differ by a factor of 12.5) |"
    )


def test_one_round_reaches_nothing():
    assert ratio(47.9, goal=10).reached is False
    assert ratio(47.9, goal=10).table_row() == "| `r` | 47.9 | 47.9 | at least 10 | one round says nothing |"
    assert Ratio("r", {"a": [20, 21], "b": [30]}, goal=10).reached is False


@pytest.mark.parametrize(
    ("rounds", "zero", "disturbed"),
    [
        ((1.0, 1.5), 0, False),
        ((1.0, 1.51), 0, True),
        # Overheads of -0.3 % and 0.8 %: the times themselves agree.
        ((-0.003, 0.008), -1, False),
        ((-0.003, 0.6), -1, True),
        # 0.4 % and 1.2 % of the time waited: 99.6 and 98.8 % were not.
        ((0.004, 0.012), 1, False),
        ((0.004, 0.5), 1, True),
        ((0.0, 0.0), 0, False),
        ((0.0, 0.1), 0, True),
    ],
)
def test_rounds_are_compared_on_the_scale_that_was_measured(rounds, zero, disturbed):
    assert ratio(*rounds, zero=zero).disturbed is disturbed


def test_the_worst_row_is_quoted_and_one_disturbed_row_is_enough():
    rows = {"a": [2.0, 2.1], "b": [1.0, 1.1], "c": [3.0, 9.0]}
    worst = Ratio("r", rows, goal=1.0)
    assert (worst.row, worst.median, worst.rounds) == ("b", pytest.approx(1.05), [1.0, 1.1])
    assert worst.disturbed
    assert not worst.reached
    assert Ratio("r", rows, goal=2.0, lower_is_better=True).row == "c"


def test_what_was_not_measured_says_so():
    unknown = ratio(goal=2)
    assert unknown.as_dict() == {
        "median": None, "row": None, "rounds": [], "spread": None, "goal": "at least 2", "reached": None,
        "disturbed": False,
    }  # fmt: skip
    assert unknown.table_row() == "| `r` |  |  | at least 2 | not measured |"


def test_plain_values():
    assert ratio(1.1, 1.23456, goal=1.25, lower_is_better=True).as_dict() == {
        "median": 1.1673, "row": "row", "rounds": [1.1, 1.2346], "spread": 1.1223, "goal": "at most 1.25",
        "reached": True, "disturbed": False,
    }  # fmt: skip
