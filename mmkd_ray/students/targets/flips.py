"""What is taught about a mirrored image: "facing left" must not be taught with the answer about the unmirrored one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32

from mmkd_ray.config import FlipTargets


def mirrored_targets(
    targets_NQ: Float32[np.ndarray, "N Q"],
    *,
    how: FlipTargets,
    sensitive_Q: Sequence[bool],
    mirror_Q: Sequence[int | None],
    seen_mirrored_NQ: Float32[np.ndarray, "N Q"] | None = None,
) -> Float32[np.ndarray, "N Q"]:
    """The targets of the mirrored images.

    Args:
        targets_NQ: those of the images as they are; nan where nothing is taught.
        how: `mask` teaches nothing about an orientation-sensitive question; `swap` teaches the answer to the question
            that it becomes in the mirror, or nothing where that is not among the questions; `view` takes
            `seen_mirrored_NQ`; `keep` leaves the answers as they are, which is wrong on purpose.
        sensitive_Q: whether a horizontal flip can change a question's answer.
        mirror_Q: column of the question that each becomes in the mirror, e.g. "facing right" for "facing left".
        seen_mirrored_NQ: the same arm's targets, made from answers about the mirrored images.

    Returns:
        Targets of the mirrored images; nan where nothing is taught.
    """
    mirrored_NQ = targets_NQ.copy()
    for column, (sensitive, mirror) in enumerate(zip(sensitive_Q, mirror_Q, strict=True)):
        if not sensitive or how == "keep":
            continue
        if how == "swap" and mirror is not None:
            mirrored_NQ[:, column] = targets_NQ[:, mirror]
        elif how == "view" and seen_mirrored_NQ is not None:
            mirrored_NQ[:, column] = seen_mirrored_NQ[:, column]
        else:
            mirrored_NQ[:, column] = np.nan
    return mirrored_NQ
