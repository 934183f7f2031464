"""Artifacts on storage: folders that any node can reach, and completion records that are written last.

Every path goes through `pyarrow.fs`, so a run can live on a local disk, S3 or GCS alike.
"""

from mmkd_ray.artifacts.damage import what_to_do
from mmkd_ray.artifacts.folder import RECORD, Folder, is_temporary
from mmkd_ray.artifacts.run import SHARED, Run, open_run

__all__ = ["RECORD", "SHARED", "Folder", "Run", "is_temporary", "open_run", "what_to_do"]
