"""`ray.init`: a private cluster that is started twice if need be, or a named one within a time limit."""

from __future__ import annotations

import logging
import threading
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import ray
from ray._raylet import GcsClient  # pyrefly: ignore[missing-module-attribute] (`ray health-check` asks with it, too)
from ray.exceptions import AuthenticationError
from ray.job_config import JobConfig

from mmkd_ray.cluster.address import LOCAL, check_reachable, cluster_address
from mmkd_ray.cluster.environment import in_ray_job
from mmkd_ray.cluster.session import session_folder
from mmkd_ray.config import ClusterConfig
from mmkd_ray.errors import ClusterError, one_line


def check_cluster(config: ClusterConfig) -> None:
    """Find what would keep a run from its cluster, without starting or joining one.

    Raises:
        ClusterError: nothing answers at its address, or no Ray cluster that takes us; no folder for Ray's sockets.
    """
    address = cluster_address(config)
    if address == LOCAL:
        session_folder()
        return
    check_reachable(config)
    if "://" not in address and ":" in address:
        _check_answers(address, config.connect_timeout_s)


def start(config: ClusterConfig) -> Any:
    """Start a private cluster, or connect to the named one.

    Returns:
        Ray's context.

    Raises:
        ClusterError: as for `check_cluster`; a private cluster does not start.
    """
    check_cluster(config)
    address = cluster_address(config)
    if address == LOCAL:
        return _start_private()
    try:
        return _init(address, **_named_cluster())
    except Exception as error:
        raise ClusterError(f"the Ray cluster at '{address}' cannot be used: {one_line(error)}") from error


def _check_answers(address: str, timeout_s: float) -> None:
    """Ask Ray's control service whether it is there; `ray.init` would try for minutes, say little, and exit."""
    refused: list[Exception] = []
    answered = threading.Event()

    def ask() -> None:
        try:
            GcsClient(address=address)
        except Exception as error:
            refused.append(error)
        answered.set()

    # A daemon: it cannot be stopped, and must not keep this process.
    threading.Thread(target=ask, daemon=True).start()
    if not answered.wait(timeout_s):
        raise ClusterError(_no_cluster(address, f"no answer within {timeout_s:g} s, cluster.connect_timeout_s"))
    for error in refused:
        if isinstance(error, AuthenticationError):
            raise ClusterError(
                f"the Ray cluster at '{address}' asks for a token, and the one given here is missing or wrong: set "
                "RAY_AUTH_MODE=token, and copy ~/.ray/auth_token from its head to the same place here"
            ) from error
        raise ClusterError(_no_cluster(address, one_line(error))) from error


def _no_cluster(address: str, reason: str) -> str:
    return (
        f"what listens at '{address}' is no Ray cluster ({reason}); accepted is the address of a cluster's head, "
        "usually HOST:6379, not that of its dashboard or of a client; unset cluster.address and RAY_ADDRESS for a "
        "private one"
    )


class _OwnPath(JobConfig):
    """Ray puts the driver's script and current folder first on its workers' import path, but not with a working_dir.

    A user's own `statistics.py` there would hide the standard library's.
    """

    def _runtime_env_has_working_dir(self) -> bool:
        return True


def _init(address: str, **options: Any) -> Any:
    if not address.startswith("ray://"):  # there it is done by the cluster, which knows no class of ours
        options["job_config"] = _OwnPath()
    return ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **options)


def _start_private() -> Any:
    options: dict[str, Any] = {"include_dashboard": False, "_temp_dir": session_folder()}
    if not _is_installed():
        options |= {"runtime_env": {"py_modules": [_package()]}}
    try:
        return _init(LOCAL, **options)
    except Exception:  # Ray's own kind for "The current node timed out during startup", which takes 30 s
        ray.shutdown()
    try:
        return _init(LOCAL, **options)
    except Exception as error:
        raise ClusterError(
            f"a private Ray cluster does not start, tried twice: {one_line(error)} (if this machine is busy, try again "
            "when it is less so, or set cluster.address to a cluster that runs)"
        ) from error


def _named_cluster() -> dict[str, Any]:
    hook = {"worker_process_setup_hook": "mmkd_ray.cluster.environment.prepare_worker"}
    if in_ray_job():
        return {"runtime_env": hook}  # the job's working_dir contains the code
    return {"runtime_env": {**hook, "py_modules": [_package()]}}


def _is_installed() -> bool:
    """Whether workers on this machine find the package by themselves."""
    try:
        distribution("mmkd_ray")
    except PackageNotFoundError:
        return False
    return True


def _package() -> str:
    return str(Path(__file__).parents[1])
