"""Distil what a multimodal LLM sees into small, fast vision models, on Ray.

In a notebook:

    import mmkd_ray as mm

    config = mm.load("configs/quickstart.yaml", ["train.epochs=40"])
    run = mm.run(config)
    mm.summary(run)["arms"]["makd"]
    mm.results(run).to_pandas()
    mm.predict("runs/quickstart/study/makd-seed0-...", ["birds/", "bird.png"]).to_pandas()
    mm.load_student("runs/quickstart/study/makd-seed0-...").predict(["bird.png"])
    mm.export(run, "student", format="onnx")

`mmkd_ray.api` says what each does; it is imported when it is first used, because it takes seconds.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0.dev0"

if TYPE_CHECKING:
    from mmkd_ray.api import compare, export, load, load_student, open_run, predict, results, run, summary

__all__ = [
    "__version__",
    "compare",
    "export",
    "load",
    "load_student",
    "open_run",
    "predict",
    "results",
    "run",
    "summary",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(importlib.import_module("mmkd_ray.api"), name)
    raise AttributeError(f"module 'mmkd_ray' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
