"""Artifacts on storage: folders that any node can reach, and completion records that are written last.

Every path goes through `pyarrow.fs`, so a run can live on a local disk, S3 or GCS alike.
"""

from mmkd_ray.artifacts.damage import damaged
from mmkd_ray.artifacts.disk import disk_error
from mmkd_ray.artifacts.folder import DAMAGED, RECORD, Folder, is_temporary
from mmkd_ray.artifacts.run import SHARED, Run, open_run

__all__ = ["DAMAGED", "RECORD", "SHARED", "Folder", "Run", "damaged", "disk_error", "is_temporary", "open_run"]
