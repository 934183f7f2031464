"""The image source becomes one image table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from mmkd_ray.stages.stage import Stage

if TYPE_CHECKING:
    from mmkd_ray.artifacts import Folder, Run
    from mmkd_ray.config import Config
    from mmkd_ray.data.reading import PartReader
    from mmkd_ray.data.remaining import Remaining

HERE = 2_500
"""So many images are read by this process: a private cluster takes about as long to start."""


@dataclass(frozen=True)
class Images(Stage):
    """Stage 1."""

    replace: bool = field(default=False, metadata={"help": "exchange the run's images for those of another source"})

    name = command = "images"
    help = "make the image table"
    unit = "images"

    def needs_cluster(self, config: Config, run: Run) -> bool:
        from mmkd_ray.data.building import images_to_read
        from mmkd_ray.data.origin import require_origin

        if not self.replace:
            require_origin(config, run)
        return images_to_read(config, run) > HERE

    def artifact(self, run: Run) -> Folder:
        return run.images

    def run(self, config: Config, run: Run, progress: Any) -> dict[str, Any]:
        from mmkd_ray.data.building import build_image_table
        from mmkd_ray.data.origin import Before, require_origin

        if not self.replace:
            require_origin(config, run)
        before = Before(run)
        record = build_image_table(config, run, progress, partial(_read, retries=config.cluster.max_failures))
        return {**record, "told": [*before.changes(), *record["told"]]}

    def remark(self, config: Config, run: Run, record: Any) -> str:
        splits = ", ".join(f"{split} {count:,}" for split, count in record["images"].items())
        bad = record["quarantined"]
        unreadable = f"; {bad} unreadable, listed in {run.images.uri}/quarantine.parquet" if bad else ""
        return f"{len(record['class_names'])} classes; {splits}{unreadable}"

    def notes(self, config: Config, run: Run, record: Any) -> list[str]:
        return record["told"]


def _read(read: PartReader, parts: Remaining, tick: Callable[[int], None], *, retries: int) -> None:
    """Few images here, many on the cluster."""
    from mmkd_ray.data.reading import here

    if parts.images <= HERE:
        here(read, parts, tick)
        return
    from mmkd_ray.cluster.spread import spread_over_cluster

    spread_over_cluster(read, parts, tick, retries=retries)
