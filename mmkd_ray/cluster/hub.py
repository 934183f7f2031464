"""Whether the Hugging Face hub answers: its libraries try for a minute and more, without a word, where it does not."""

from __future__ import annotations

import os
import urllib.error
import urllib.request

from mmkd_ray.config.locations import masked

WAIT_S = 4.0


def hub_address() -> str:
    """Where the hub is, or a mirror of it."""
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co")


def is_set_offline() -> bool:
    """Whether the environment forbids to use the hub."""
    return os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")


def why_no_answer() -> str:
    """Why the hub does not answer within 4 s; empty if it does."""
    try:
        request = urllib.request.Request(hub_address(), method="HEAD")  # noqa: S310 (an address of the user's own)
        urllib.request.urlopen(request, timeout=WAIT_S).close()  # noqa: S310
    except urllib.error.HTTPError:
        return ""  # it answers
    except (OSError, ValueError) as error:
        return masked(str(error))
    return ""
