"""The `mmkd` command."""

from __future__ import annotations

from collections.abc import Sequence

from mmkd_ray.cluster.environment import search_current_folder_last


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command, as `cli.entry.main` does; what lies in the current folder is not taken for a library."""
    search_current_folder_last()
    from mmkd_ray.cli import entry

    return entry.main(argv)
