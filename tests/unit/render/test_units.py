import pytest

from mmkd_ray.render.units import AUC, SHARE
from mmkd_ray.render.words import MISSING

MINUS = "\N{MINUS SIGN}"


@pytest.mark.parametrize(
    ("difference", "shown"),
    [(0.0391, "+3.9"), (-0.02, f"{MINUS}2.0"), (0.0004, "0.0"), (-0.0004, "0.0"), (None, MISSING)],
)
def test_differences_of_shares_are_points(difference, shown):
    assert SHARE.difference(difference) == shown


def test_a_share_is_shown_in_percent():
    assert SHARE.text(0.672) == "67.2"
    assert SHARE.text_with_sign(0.672) == "67.2\N{NO-BREAK SPACE}%"
    assert SHARE.difference_with_sign(0.03) == "+3.0 points"
    assert SHARE.interval(-0.011, 0.068) == f"{MINUS}1.1 to +6.8"
    assert SHARE.difference(-0.011, minus="-") == "-1.1"


def test_an_auc_is_a_plain_number():
    assert (AUC.text_with_sign(0.925), AUC.difference_with_sign(-0.041)) == ("0.93", f"{MINUS}0.04")


@pytest.mark.parametrize("unit", [SHARE, AUC])
def test_what_is_not_known_is_a_dash(unit):
    shown = (unit.text(None), unit.text_with_sign(None), unit.difference_with_sign(None), unit.interval(0.1, None))
    assert set(shown) == {MISSING}
