"""The report of a run: one HTML file that needs nothing else, made from the run's artifacts alone."""

from mmkd_ray.report.stage import REPORT, write_report

__all__ = ["REPORT", "write_report"]
