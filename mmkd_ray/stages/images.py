"""The image source becomes one image table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmkd_ray.stages.stage import Stage

if TYPE_CHECKING:
    from mmkd_ray.artifacts import Folder, Run
    from mmkd_ray.config import Config


@dataclass(frozen=True)
class Images(Stage):
    """Stage 1."""

    name = command = "images"
    help = "make the image table"
    unit = "images"

    def artifact(self, run: Run) -> Folder:
        return run.images

    def run(self, config: Config, run: Run, progress: Any) -> dict[str, Any]:
        from mmkd_ray.data.table import build_image_table

        return build_image_table(config, run, progress)

    def remark(self, config: Config, run: Run, record: Any) -> str:
        splits = ", ".join(f"{split} {count:,}" for split, count in record["images"].items())
        bad = record["quarantined"]
        unreadable = f"; {bad} unreadable, listed in {run.images.uri}/quarantine.parquet" if bad else ""
        return f"{len(record['class_names'])} classes; {splits}{unreadable}"

    def notes(self, config: Config, run: Run, record: Any) -> list[str]:
        return record["told"]
