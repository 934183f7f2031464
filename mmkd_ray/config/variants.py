"""The variants of a study: the configuration with some keys replaced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mmkd_ray.errors import ConfigError

if TYPE_CHECKING:
    from mmkd_ray.config.root import Config

_ACCEPTED = ("student.", "train.", "aspects.count", "study.arms")


def variant_trees(config: Config) -> dict[str, dict[str, Any]]:
    """The plain tree of each variant's configuration, by name; one without a name where there are none.

    Raises:
        ConfigError: a variant changes a key that is not one student's own matter.
    """
    tree = config.model_dump(mode="json")
    tree["study"]["variants"] = {}
    if not config.study.variants:
        return {"": tree}
    for name, changes in config.study.variants.items():
        _check_keys(changes, name)
    return {name: replaced(tree, changes) for name, changes in config.study.variants.items()}


def _check_keys(changes: Mapping[str, Any], name: str) -> None:
    for path in changes:
        if not path.startswith(_ACCEPTED):
            raise ConfigError(
                f"study.variants.{name}: got '{path}'; accepted are student.KEY, train.KEY, aspects.count and "
                "study.arms, since a study shares its images and the teacher's answers"
            )


def replaced(tree: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A plain tree of sections with the values at some `section.key` replaced; nothing is checked."""
    sections = {section: dict(keys) if isinstance(keys, dict) else keys for section, keys in tree.items()}
    for path, value in changes.items():
        section, _, key = path.partition(".")
        sections[section][key] = value
    return sections
