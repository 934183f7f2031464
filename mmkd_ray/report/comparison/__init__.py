"""Runs side by side: what differs in their configurations, in what went into them, and in their results."""

from mmkd_ray.report.comparison.comparing import RunComparison, compare_runs

__all__ = ["RunComparison", "compare_runs"]
