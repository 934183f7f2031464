"""The loss of multi-aspect knowledge distillation."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy


def hybrid_loss(
    class_logits_BC: Float[Tensor, "B C"],
    aspect_logits_BQ: Float[Tensor, "B Q"],
    labels_B: Int[Tensor, " B"],
    *,
    aspect_targets_BQ: Float[Tensor, "B Q"] | None,
    aspect_mask_BQ: Float[Tensor, "B Q"] | None = None,
    alpha: float,
) -> Float[Tensor, ""]:
    """Cross-entropy on the class plus alpha times the aspects' binary cross-entropy (arXiv 2501.13341, eq. 2-4).

    Args:
        class_logits_BC: scores of the classes.
        aspect_logits_BQ: scores of "yes" for each aspect.
        labels_B: true class, 0 .. C-1.
        aspect_targets_BQ: probabilities of "yes" to learn, in [0, 1]; None for an arm without any.
        aspect_mask_BQ: 1 where a target counts, 0 where it must not be learnt. The divisor stays B x Q, so that the
            weight of a question does not depend on what else is masked.
        alpha: weight of the aspect term.

    Returns:
        The mean over the batch (and over Q), in nats.
    """
    loss = cross_entropy(class_logits_BC, labels_B)
    if aspect_targets_BQ is None:
        return loss
    aspect_loss = binary_cross_entropy_with_logits(aspect_logits_BQ, aspect_targets_BQ, weight=aspect_mask_BQ)
    return loss + alpha * aspect_loss
