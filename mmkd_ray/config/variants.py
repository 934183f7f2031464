"""The variants of a study: the configuration with some keys replaced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmkd_ray.errors import ConfigError

_ACCEPTED = ("student.", "train.", "aspects.", "study.arms", "study.seeds")


def check_variants(variants: Mapping[str, Mapping[str, Any]]) -> None:
    """Check that the variants of a study replace only keys of students, not of the images or answers that they share.

    Raises:
        ConfigError: one replaces another key.
    """
    for name, changes in variants.items():
        for path in changes:
            if not path.startswith(_ACCEPTED):
                raise ConfigError(
                    f"study.variants.{name}: got '{path}'; accepted are student.KEY, train.KEY, aspects.KEY, "
                    "study.arms and study.seeds, since a study shares its images and the teacher's answers"
                )


def replaced(tree: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a plain tree of sections with some `section.key` replaced; nothing is checked."""
    sections = {section: dict(keys) if isinstance(keys, dict) else keys for section, keys in tree.items()}
    for path, value in changes.items():
        section, _, key = path.partition(".")
        sections[section][key] = value
    return sections
