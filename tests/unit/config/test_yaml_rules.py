"""What is written is read back, whatever it looks like."""

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from mmkd_ray.config import load, parse_yaml, to_yaml, validate
from mmkd_ray.config.yaml_rules import read, write

TEXTS = st.text() | st.from_regex(r"[-+]?[0-9_.oxeE:a-fA-F]{1,10}", fullmatch=True)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
ODD = [
    "25921e05",
    "2024-01-01",
    "12:30",
    "010",
    "no",
    "1e5",
    "<<",
    "=",
    "",
    "~",
    "\x85",
    "a\u2028b",
    "\ufeff",
    "{question}",
]


@given(VALUES)
def test_the_writer_is_the_inverse_of_the_reader(value):
    assert read(write({"key": value})) == {"key": value}


@pytest.mark.parametrize("text", ODD)
def test_text_that_looks_like_something_else_stays_text(text):
    assert read(write({"key": text, text: 1})) == {"key": text, text: 1}
    assert yaml.safe_load(write([text])) == [text], "other readers see text, too"


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "train": st.fixed_dictionaries(
                {"lr": st.floats(1e-30, 1e30), "epochs": st.integers(1, 2**63 - 1), "alpha": st.floats(0, 1e30)}
            ),
            "study": st.fixed_dictionaries({"seeds": st.lists(st.integers(0, 2**32 - 1), min_size=1, unique=True)}),
            "teacher": st.fixed_dictionaries(
                {
                    "revision": st.none() | TEXTS,
                    "model": TEXTS,
                    "engine_args": st.dictionaries(TEXTS, TEXTS, max_size=3),
                }
            ),
            "student": st.fixed_dictionaries({"model": TEXTS, "pretrained": TEXTS | st.booleans()}),
        },
    )
)
@example({"teacher": {"revision": "25921e05", "model": "m", "engine_args": {}}})
def test_a_configuration_survives_writing_and_reading(changes):
    config = validate({"name": "a", "data": {"source": "fieldguide"}, "aspects": {"source": "fieldguide"}, **changes})
    assert validate(parse_yaml(to_yaml(config).encode(), "c.yaml")) == config


@pytest.mark.parametrize(
    ("text", "value"),
    [("no", "no"), ("12:30", "12:30"), ("010", 10), ("0x1F", 31), ("0o17", 15), ("1_000", 1000), ("1e3", 1000.0),
     (".5", 0.5), ("true", True), ("", None), ("~", None)],
)  # fmt: skip
def test_plain_words_are_those_of_yaml_1_2(text, value):
    assert read(f"key: {text}") == {"key": value}
    assert type(read(f"key: {text}")["key"]) is type(value)


def test_merge_keys_are_accepted(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(
        "name: t\ndata: {source: fieldguide}\naspects: {source: fieldguide}\nstudy:\n  variants:\n"
        "    small: &small {student.model: resnet18, train.lr: 0.1}\n    slow: {<<: *small, train.lr: 0.01}\n"
    )
    variants = load(path).study.variants
    assert variants == {
        "small": {"student.model": "resnet18", "train.lr": 0.1},
        "slow": {"student.model": "resnet18", "train.lr": 0.01},
    }
    assert load(path) == validate(read(to_yaml(load(path))))


def test_a_number_of_too_many_digits_is_no_crash():
    with pytest.raises(yaml.YAMLError, match="too many digits"):
        read("key: " + "9" * 5000)
