"""How pages are made from templates."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined


def environment() -> Environment:
    """The templates of this package. Every value is escaped: no text is marked as safe anywhere."""
    return Environment(
        loader=PackageLoader("mmkd_ray.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
