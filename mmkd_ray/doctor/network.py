"""What is in reach: a Ray cluster, the hub."""

from __future__ import annotations

import os
from pathlib import Path

from mmkd_ray.cluster.address import check_reachable, cluster_address, is_named
from mmkd_ray.cluster.hub import hub_address, is_set_offline, why_no_answer
from mmkd_ray.config import ClusterConfig
from mmkd_ray.config.locations import masked
from mmkd_ray.doctor.finding import Finding
from mmkd_ray.errors import ClusterError

_WAIT_S = 4.0


def check_ray(config: ClusterConfig) -> Finding:
    """Which cluster a run would use, whether it answers, and the token that Ray 2.60 asks for."""
    if not is_named(config):
        return Finding(
            "ok", "ray", "a private cluster on this machine (neither cluster.address nor RAY_ADDRESS is set)"
        )
    address = cluster_address(config)
    try:
        check_reachable(config.model_copy(update={"connect_timeout_s": _WAIT_S}))
    except ClusterError as error:
        return Finding("fail", "ray", str(error))
    if not _token_is_there():
        return Finding(
            "warn", "ray", f"something answers at {address}",
            "without a token, which Ray asks for by default: `ray get-auth-token --generate` on the head, the same "
            "~/.ray/auth_token here, and RAY_AUTH_MODE=token",
        )  # fmt: skip
    return Finding("ok", "ray", f"something answers at {address}; there is a token")


def _token_is_there() -> bool:
    file = os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token"
    return bool(os.environ.get("RAY_AUTH_TOKEN")) or Path(file).is_file()


def check_hub(*, needed: bool) -> Finding:
    """The Hugging Face hub, from where teachers and pretrained students come.

    Args:
        needed: whether the configuration names a model there.
    """
    advice = "models that are in the cache (HF_HOME) already, local folders and the field guide's teacher work"
    if is_set_offline():
        return Finding("warn" if needed else "ok", "hub", "offline by HF_HUB_OFFLINE", advice)
    endpoint = masked(hub_address())
    if reason := why_no_answer():
        return Finding("warn", "hub", f"{endpoint} does not answer ({reason})", advice)
    return Finding("ok", "hub", f"{endpoint} answers")
