import pytest

from mmkd_ray.errors import TeacherError, explain, innermost_cause, mmkd_cause, one_line, typed_cause


def test_the_cause_is_found_through_wrappers():
    wanted = TeacherError("no tokens")
    died, failed = RuntimeError("actor died"), RuntimeError("task failed")
    died.__cause__, failed.cause = wanted, died
    assert mmkd_cause(failed) is wanted


def test_other_errors_have_no_cause():
    assert mmkd_cause(ValueError("x")) is None


def test_an_error_is_one_line():
    assert one_line(ValueError("1 error\n  field wrong\n  For further information visit")) == "1 error field wrong"
    assert one_line(ValueError()) == "ValueError"
    assert one_line(KeyError("image")) == "KeyError: 'image'"


def test_the_innermost_cause_is_that_all_others_were_raised_from():
    wrapped = ValueError("Failed to apply Processor on data={'images': [<Image at 0x7F12>]}")
    wrapped.__cause__ = ValueError("absolute aspect ratio must be smaller than 200, got 400")
    assert innermost_cause(wrapped) == "absolute aspect ratio must be smaller than 200, got 400"
    assert explain(wrapped) == (
        "Failed to apply Processor on data={'images': [<Image>]} "
        "(absolute aspect ratio must be smaller than 200, got 400)"
    )


def test_what_was_merely_being_handled_is_no_cause():
    failed = RuntimeError("out of memory")
    failed.__context__ = ImportError("No module named 'flash_attn'")
    assert innermost_cause(failed) == explain(failed) == "out of memory"


def test_the_place_of_an_object_in_memory_is_in_no_message():
    text = "<PIL.Image.Image image mode=RGB size=1x9 at 0x7FA10C>, <Tokenizer object at 0xdeadbeef>"
    assert one_line(ValueError(text)) == "<PIL.Image.Image image mode=RGB size=1x9>, <Tokenizer object>"


def test_causes_in_a_circle_end():
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert innermost_cause(first) in ("first", "second")


@pytest.mark.parametrize("length", [10, 10_000])
def test_others_words_are_cut(length):
    assert len(one_line(ValueError("x" * length))) == min(length, 500)


def test_a_cause_has_its_type_once():
    assert typed_cause(ValueError("no such axis")) == "ValueError: no such axis"
    assert typed_cause(AttributeError("no field")) == "AttributeError: no field"
