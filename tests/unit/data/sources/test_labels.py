"""Labels of all kinds as class names in a fixed order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmkd_ray.data.sources.labels import name_classes
from mmkd_ray.errors import DataError


def named(*labels, names=()):
    return name_classes({f"i{n}": label for n, label in enumerate(labels)}, names, place="t")


def test_names_that_look_the_same_are_one_class():
    called, order = named("gel\u00e9", "gele\u0301 ", b"gel\xc3\xa9", "ab")
    assert order == ("ab", "gel\u00e9")
    assert called["i0"] == called["i1"] == called["i2"]


def test_numbers_and_names_together_are_names():
    assert named(3, "3", 10, "x")[1] == ("10", "3", "x")
    assert named(3, 3.0, "3", 10)[1] == ("3", "10")
    assert named("-1", "5")[1] == ("-1", "5")
    assert named("007", "7")[1] == ("007", "7")
    assert named("9" * 5000, "1")[1] == ("1", "9" * 5000)
    assert named(10**400, 2)[1] == ("2", str(10**400))


def test_names_of_a_data_set_keep_its_order():
    assert named("wren", "ant", names=("wren", "owl", "ant"))[1] == ("wren", "ant")
    assert named(2, 0, names=("wren", "owl", "ant"))[1] == ("wren", "ant")
    with pytest.raises(DataError, match="the label 'emu' is not one of the class names: wren, owl"):
        named("wren", "emu", names=("wren", "owl"))


@pytest.mark.parametrize("label", [[], ["a"], {}, {"a": 1}, 0.5, float("inf")])
def test_what_is_no_label_is_one_line(label):
    with pytest.raises(DataError, match=r"^t: got the label .*; a label is one name or one whole number"):
        named("a", label)


@pytest.mark.parametrize("label", [None, "", "  ", float("nan"), b""])
def test_a_missing_label_is_named_by_its_image(label):
    with pytest.raises(DataError, match=r"^t: the image 'i1' has no label, nor have 1 others"):
        named("a", label, label)


@given(st.lists(st.one_of(st.integers(), st.text(), st.booleans(), st.floats(allow_nan=False)), min_size=1))
def test_the_order_does_not_depend_on_the_order_of_rows(labels):
    try:
        called, order = named(*labels)
    except DataError:
        with pytest.raises(DataError):
            named(*labels[::-1])
        return
    assert set(called.values()) == set(order)
    assert named(*labels[::-1])[1] == order
