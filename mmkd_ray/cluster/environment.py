"""Environment variables of our processes, set before ray, transformers or vllm are imported."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1
"""Of Linux's `prctl`."""

_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    # Ray would start every worker with `uv run`, each in a new environment.
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_TRAIN_V2_ENABLED": "1",
    # Train's controller takes one report per worker at each health check: every 2 s by default, longer than an epoch of
    # a small student.
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.1",
    # Tune would write every epoch of a trial to two more files, and resolve the trials' relative paths from /tmp.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    # Ray would run workers at nice 15, which on a busy machine leaves them a fraction of the speed. At 0 they compete
    # as any program does; `nice mmkd ...` makes a whole run give way.
    "RAY_worker_niceness": "0",
    # A private cluster's workers import this before their first task.
    "RAY_preload_python_modules": "mmkd_ray.cluster.preload",
    # Child processes that run `python -m ...` (vLLM starts some) do not import what lies in the current folder.
    "PYTHONSAFEPATH": "1",
}


def prepare_process(*, offline: bool = False) -> None:
    """Set what Ray and its workers start with, without telemetry; variables that the user has set are kept.

    With `offline`, nothing is looked up on the hub.

    Call it before ray, transformers or vllm are imported, in the driver and in every worker.
    """
    settings = _ENVIRONMENT | ({"HF_HUB_OFFLINE": "1"} if offline else {})
    for key, value in settings.items():
        os.environ.setdefault(key, value)


def prepare_worker() -> None:
    """Prepare a worker process of Ray's before its first task, whatever the task is."""
    search_current_folder_last()
    _end_with_raylet()


def search_current_folder_last() -> None:
    """Move the current folder to the end of the import path.

    Python puts it first for `python -m`, and Ray for a job's working_dir: a user's own `statistics.py` would hide the
    standard library's.
    """
    with suppress(OSError):  # it has been deleted
        here = Path.cwd()
        sys.path.sort(key=lambda folder: Path(folder).absolute() == here)


def _end_with_raylet() -> None:
    """Have the kernel kill this process when its raylet ends.

    Ray ends its workers by itself, but not always: its exit handler can deadlock, and a worker in the middle of a task
    goes on without a raylet. Either would keep its memory, or a GPU's, for as long as it likes. Linux kills when the
    *thread* ends that started the process: in a raylet that is the main thread.
    """
    raylet = os.environ.get("RAY_RAYLET_PID", "")
    if not sys.platform.startswith("linux") or not raylet.isdigit():
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if not Path("/proc", raylet).exists():  # it ended before the kernel was asked
        os._exit(1)


def in_ray_job() -> bool:
    """Whether this driver was started by `ray job submit`."""
    return "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ
