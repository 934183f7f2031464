"""The corruptions of ImageNet-C, by numpy, SciPy and Pillow."""

from mmkd_ray.data.corruptions.constants import CorruptionName, Table
from mmkd_ray.data.corruptions.corrupting import CORRUPTIONS, VERSION, corrupt, table_for

__all__ = ["CORRUPTIONS", "VERSION", "CorruptionName", "Table", "corrupt", "table_for"]
