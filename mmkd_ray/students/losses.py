"""The loss of multi-aspect knowledge distillation, and those of the class distillation that it is compared with."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, kl_div, log_softmax, one_hot, softmax

_NO_SPREAD = 1e-7
"""Added to a standard deviation, which may be 0."""


def hybrid_loss(
    class_logits_BC: Float[Tensor, "B C"],
    aspect_logits_BQ: Float[Tensor, "B Q"],
    labels_B: Int[Tensor, " B"] | Float[Tensor, "B C"],
    *,
    aspect_targets_BQ: Float[Tensor, "B Q"] | None,
    aspect_weights_Q: Float[Tensor, " Q"] | None = None,
    alpha: float,
    label_smoothing: float = 0.0,
) -> Float[Tensor, ""]:
    """Cross-entropy on the class plus alpha times the aspects' binary cross-entropy (arXiv 2501.13341, eq. 2-4).

    Args:
        class_logits_BC: scores of the classes.
        aspect_logits_BQ: scores of "yes" for each aspect.
        labels_B: true class, 0 .. C-1; or the share of each class in a mixed image.
        aspect_targets_BQ: probabilities of "yes" to learn, in [0, 1]; nan for a cell that must not be learnt. The
            divisor stays B x Q, so that the weight of a question does not depend on what else is missing. None for an
            arm without aspect loss.
        aspect_weights_Q: factor of each question; 1 if unset.
        alpha: weight of the aspect term.
        label_smoothing: share of the label's probability that is spread over all classes.

    Returns:
        The mean over the batch (and over Q), in nats.
    """
    loss = cross_entropy(class_logits_BC, labels_B, label_smoothing=label_smoothing)
    if aspect_targets_BQ is None:
        return loss
    taught_BQ = aspect_targets_BQ.isfinite().to(aspect_logits_BQ.dtype)
    weights_BQ = taught_BQ if aspect_weights_Q is None else taught_BQ * aspect_weights_Q
    aspect_loss = binary_cross_entropy_with_logits(aspect_logits_BQ, aspect_targets_BQ.nan_to_num(), weight=weights_BQ)
    return loss + alpha * aspect_loss


def soft_cross_entropy(class_logits_BC: Float[Tensor, "B C"], targets_BC: Float[Tensor, "B C"]) -> Float[Tensor, ""]:
    """Cross-entropy with class probabilities, mean over the batch; a row of nan teaches nothing."""
    per_class_BC = torch.where(targets_BC > 0, targets_BC * log_softmax(class_logits_BC, dim=1), 0.0)
    return -per_class_BC.sum(dim=1).mean()


def kd_loss(
    class_logits_BC: Float[Tensor, "B C"], teacher_logits_BC: Float[Tensor, "B C"], *, temperature: float
) -> Float[Tensor, ""]:
    """Knowledge distillation: T^2 KL(teacher || student) of softened probabilities (arXiv 1503.02531), batch mean."""
    student = log_softmax(class_logits_BC / temperature, dim=1)
    teacher = log_softmax(teacher_logits_BC / temperature, dim=1)
    return temperature**2 * kl_div(student, teacher, reduction="batchmean", log_target=True)


def standardise(logits_BC: Float[Tensor, "B C"]) -> Float[Tensor, "B C"]:
    """Logits less their mean, over their standard deviation, image by image (arXiv 2403.01427, algorithm 1)."""
    centred_BC = logits_BC - logits_BC.mean(dim=1, keepdim=True)
    return centred_BC / (logits_BC.std(dim=1, keepdim=True) + _NO_SPREAD)


def dkd_loss(
    class_logits_BC: Float[Tensor, "B C"],
    teacher_logits_BC: Float[Tensor, "B C"],
    labels_B: Int[Tensor, " B"],
    *,
    temperature: float,
    beta: float,
) -> Float[Tensor, ""]:
    """Decoupled knowledge distillation (arXiv 2203.08679, eq. 7), with alpha = 1.

    The KL divergence is parted into that of (true class, all others), and that among the others, which ordinary
    distillation weights with the teacher's doubt and this one with `beta`. Batch mean, times T^2.
    """
    is_true_BC = one_hot(labels_B, class_logits_BC.shape[1]).bool()
    student_BC, teacher_BC = class_logits_BC / temperature, teacher_logits_BC / temperature
    target = kl_div(
        _true_or_not(student_BC, is_true_BC),
        _true_or_not(teacher_BC, is_true_BC),
        reduction="batchmean",
        log_target=True,
    )
    # The true class is taken out of the softmax.
    others = kl_div(
        log_softmax(student_BC.masked_fill(is_true_BC, -1e9), dim=1),
        softmax(teacher_BC.masked_fill(is_true_BC, -1e9), dim=1),
        reduction="batchmean",
    )
    return temperature**2 * (target + beta * others)


def _true_or_not(logits_BC: Float[Tensor, "B C"], is_true_BC: Bool[Tensor, "B C"]) -> Float[Tensor, "B 2"]:
    """Log-probabilities of the true class, and of all others together."""
    log_p_BC = log_softmax(logits_BC, dim=1)
    true_B = log_p_BC[is_true_BC]
    others_B = log_p_BC.masked_fill(is_true_BC, -torch.inf).logsumexp(dim=1)
    return torch.stack([true_B, others_B], dim=1)
