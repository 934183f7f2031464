"""What a person sees: our own lines on the terminal, everybody else's in a log file."""

from mmkd_ray.console.output import Console, last_lines, notice, quiet_output
from mmkd_ray.console.progress import Progress
from mmkd_ray.console.table import Table

__all__ = ["Console", "Progress", "Table", "last_lines", "notice", "quiet_output"]
