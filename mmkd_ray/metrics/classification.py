"""Metrics of a classifier and of its aspect outputs, as pure functions."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float64, Int
from scipy.stats import rankdata


def among_top_k(
    class_logits_NC: Float[np.ndarray, "N C"], labels_N: Int[np.ndarray, " N"], *, k: int
) -> Bool[np.ndarray, " N"]:
    """Of each image, whether its true class is among the k highest logits; the mean is the top-k accuracy.

    A class that ties with the true one counts as ranked above it, so that constant logits do not score.
    With k >= C every image counts.
    """
    true_N1 = np.take_along_axis(class_logits_NC, labels_N[:, None], axis=1)
    not_below_N = (class_logits_NC >= true_N1).sum(axis=1)
    return not_below_N <= k


def per_class_accuracy(
    class_logits_NC: Float[np.ndarray, "N C"], labels_N: Int[np.ndarray, " N"]
) -> Float64[np.ndarray, " C"]:
    """Share of each class's images that are recognised, in [0, 1]; nan for a class without images."""
    right_N = class_logits_NC.argmax(axis=1) == labels_N
    classes = class_logits_NC.shape[1]
    images_C = np.bincount(labels_N, minlength=classes)
    right_C = np.bincount(labels_N, weights=right_N, minlength=classes)
    return np.divide(right_C, images_C, out=np.full(classes, np.nan), where=images_C > 0)


def roc_auc(scores_N: Float[np.ndarray, " N"], positive_N: Bool[np.ndarray, " N"]) -> float:
    """Area under the ROC curve: chance that a positive scores above a negative, ties counted half (Mann-Whitney U).

    nan where all are positive or none is.
    """
    positives = int(positive_N.sum())
    negatives = len(positive_N) - positives
    if positives == 0 or negatives == 0:
        return float("nan")
    rank_sum = float(rankdata(scores_N)[positive_N].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def aspect_fidelity(
    aspect_logits_NQ: Float[np.ndarray, "N Q"], teacher_p_yes_NQ: Float[np.ndarray, "N Q"]
) -> Float64[np.ndarray, " Q"]:
    """How well the student's aspect logits rank the teacher's Yes above its No: AUC of each question.

    nan for a question to which the teacher always gives the same answer. Images that the teacher could not be asked
    about (nan) are left out.
    """
    asked_N = np.isfinite(teacher_p_yes_NQ).all(axis=1)
    aspect_logits_NQ, says_yes_NQ = aspect_logits_NQ[asked_N], teacher_p_yes_NQ[asked_N] > 0.5
    return np.array([roc_auc(aspect_logits_NQ[:, q], says_yes_NQ[:, q]) for q in range(says_yes_NQ.shape[1])])
