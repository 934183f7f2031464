"""The configuration of a service: a bundle has no run, so all but `serve` and `cluster` is left aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmkd_ray.config import Config, load

_NO_RUN = {"name": "serve", "data": {"source": "fieldguide"}, "aspects": {"source": "fieldguide"}}
"""What a configuration must have."""


def settings(overrides: Sequence[str] = (), serve: Mapping[str, Any] | None = None) -> Config:
    """A checked configuration, of which the sections `serve` and `cluster` count.

    Args:
        overrides: `serve.key=value`, `cluster.key=value`, or files with these sections, such as a run's.
        serve: values of the section, where they are known as such.

    Raises:
        ConfigError: one line with the key's path, what was got and what is accepted.
    """
    return load({**_NO_RUN, "serve": dict(serve or {})}, overrides)
