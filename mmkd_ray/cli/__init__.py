"""The `mmkd` command."""

from mmkd_ray.cli.entry import main

__all__ = ["main"]
