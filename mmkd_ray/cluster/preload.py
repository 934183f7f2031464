"""Imported by every worker process of a private cluster before its first task (`RAY_preload_python_modules`).

A setup hook in a runtime environment does the same (named clusters have one), but costs a private cluster a second: the
workers that Ray has started beforehand cannot be used.
"""

from mmkd_ray.cluster.environment import prepare_worker

prepare_worker()
