"""Read a checked configuration from a YAML file and overrides, and write it as YAML."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from mmkd_ray.config import yaml_rules
from mmkd_ray.config.locations import absolute, looked_at
from mmkd_ray.config.messages import TAG, describe, show
from mmkd_ray.config.root import Config
from mmkd_ray.config.values import check_values
from mmkd_ray.config.variants import check_variants, replaced
from mmkd_ray.errors import ConfigError, few


def load_yaml(path: str | Path) -> Any:
    """The content of a YAML file.

    Raises:
        ConfigError: the file is missing, is not text or is not YAML; the message names line and column.
    """
    file = Path(path)
    whole = Path(absolute(str(path)))
    if not whole.is_file():
        nearby = sorted(str(file.parent / other.name) for other in whole.parent.glob("*.yaml"))
        hint = f"; there are: {few(nearby, near=str(file))}" if nearby else ""
        raise ConfigError(f"{path}: no such file{looked_at(str(path))}{hint}")
    return parse_yaml(whole.read_bytes(), str(path))


def parse_yaml(content: bytes, path: str) -> Any:
    """Parse YAML; `path` names its source in error messages.

    Raises:
        ConfigError: the content is not text or not YAML (the message names line and column), or has a value that no
            key may have.
    """
    try:
        tree = yaml_rules.read(content.decode("utf-8-sig"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}, column {mark.column + 1}:" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ConfigError(f"{path}:{where} not valid YAML: {problem}") from error
    check_values(tree, where=path)
    return tree


def load(source: str | Path | Mapping[str, Any], overrides: Sequence[str] = ()) -> Config:
    """Read a configuration file, then apply overrides.

    Args:
        source: the file, or its content as plain values. A file's key `include` lists files, relative to its folder,
            whose values it can replace.
        overrides: applied in order: `FILE.yaml`, whose values replace those so far, or `key.path=value` (a YAML value).

    Raises:
        ConfigError: one line with the key's path, what was got, and a suggestion where there is one.
    """
    tree = copy.deepcopy(dict(source)) if isinstance(source, Mapping) else _read_tree(Path(source))
    for override in overrides:
        if "=" not in override and override.endswith((".yaml", ".yml")):
            tree = _merged(tree, _read_tree(Path(override)))
        else:
            _apply(tree, override)
    return validate(tree)


def _read_tree(path: Path, parents: tuple[Path, ...] = ()) -> dict[str, Any]:
    """A file's mapping, merged with those of the files that it includes."""
    resolved = Path(absolute(str(path))).resolve()
    if resolved in parents:
        raise ConfigError(f"{path}: includes itself, through {' > '.join(map(str, parents))}")
    tree = load_yaml(path)
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: expected a mapping of sections such as 'data:' and 'train:', got {show(tree)}")
    included = tree.pop("include", [])
    if not isinstance(included, list):
        raise ConfigError(f"{path}: include: got {show(included)}; a list of files is accepted, e.g. [base.yaml]")
    base: dict[str, Any] = {}
    for name in map(str, included):
        file = Path(absolute(name)) if name.startswith("~") else path.parent / name
        base = _merged(base, _read_tree(file, (*parents, resolved)))
    return _merged(base, tree)


def _is_another_kind(section: str, base: dict[str, Any], changes: dict[str, Any]) -> bool:
    """Whether two files describe different kinds of a section, e.g. another source of images or kind of teacher."""
    tag = TAG.get(section)
    if tag is None:
        return False
    base_kind = base.get(tag, "vllm" if section == "teacher" else None)
    return None not in (changes.get(tag), base_kind) and changes[tag] != base_kind


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Merge sections key by key: a value in `changes` replaces the one in `base`.

    Replaced whole: a value that is a mapping, such as `processor_args`, because arguments of two models must not be
    mixed; and a section of another kind, for the same reason.
    """
    merged = dict(base)
    for section, keys in changes.items():
        before = merged.get(section)
        if isinstance(before, dict) and isinstance(keys, dict) and not _is_another_kind(section, before, keys):
            merged[section] = {**before, **keys}
        else:
            merged[section] = keys
    return merged


def validate(tree: dict[str, Any]) -> Config:
    """Check a tree of plain values (as read from YAML) and build the configuration from it.

    Raises:
        ConfigError: as for `load`.
    """
    config = _checked(tree)
    of_variants(config)
    for key, domain in config.tune.space.items():
        for value in domain.values:
            with_values(config, {key: value}, where=f"tune.space.{key}")
    return config


def with_values(config: Config, values: Mapping[str, Any], *, where: str) -> Config:
    """A copy of the configuration with some `section.key` replaced, and without variants of the study.

    Raises:
        ConfigError: as for `load`; the message begins with `where`.
    """
    return _checked(replaced(config.model_dump(mode="json"), {**values, "study.variants": {}}), where=f"{where}: ")


def of_variants(config: Config) -> dict[str, Config]:
    """The configuration of each of a study's variants, by name; `{"": config}` where it has none.

    Raises:
        ConfigError: as for `load`, naming the variant.
    """
    if not config.study.variants:
        return {"": config}
    check_variants(config.study.variants)
    return {
        name: with_values(config, changes, where=f"study.variants.{name}")
        for name, changes in config.study.variants.items()
    }


def _checked(tree: Mapping[str, Any], where: str = "") -> Config:
    try:
        check_values(tree)
    except ConfigError as error:
        raise ConfigError(f"{where}{error}") from error
    try:
        # Through JSON: from JSON, pydantic's strict mode accepts a list for a tuple.
        return Config.model_validate_json(json.dumps(tree))
    except TypeError as error:
        raise ConfigError(f"{where}a value of the configuration has a type that is not accepted: {error}") from error
    except ValidationError as error:
        raise ConfigError(where + "; ".join(dict.fromkeys(describe(item) for item in error.errors()))) from error


def to_yaml(config: Config) -> str:
    """The resolved configuration, every default filled in, as YAML that `load` accepts."""
    return yaml_rules.write(config.model_dump(mode="json"))


def _apply(tree: dict[str, Any], override: str) -> None:
    key_path, equals, text = override.partition("=")
    if not equals or not key_path:
        raise ConfigError(f"override '{override}': expected key.path=value, e.g. train.epochs=10")
    *parents, last = key_path.strip().split(".")
    node: Any = tree
    for parent in parents:
        node = node.setdefault(parent, {})
        if not isinstance(node, dict):
            raise ConfigError(f"override '{override}': '{parent}' is a value, not a section")
    try:
        node[last] = yaml_rules.read(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"override '{key_path}=...': the value is not valid YAML") from error
