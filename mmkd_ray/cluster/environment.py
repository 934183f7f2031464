"""Environment variables of our processes, set before ray, transformers or vllm are imported."""

from __future__ import annotations

import os

_QUIET_ENVIRONMENT = {
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
}


def prepare_process(*, offline: bool = False) -> None:
    """Switch off telemetry, and with `offline` look-ups on the hub; variables that the user has set are kept.

    Call it before ray, transformers or vllm are imported, in the driver and in every worker.
    """
    settings = _QUIET_ENVIRONMENT | ({"HF_HUB_OFFLINE": "1"} if offline else {})
    for key, value in settings.items():
        os.environ.setdefault(key, value)


def in_ray_job() -> bool:
    """Whether this driver was started by `ray job submit`."""
    return "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ
