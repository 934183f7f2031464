"""Whether an export is the student: its logits and its accuracy on the test split, as its users load it."""

from __future__ import annotations

from dataclasses import dataclass

from mmkd_ray.data.feed.pixels import Pixels
from mmkd_ray.errors import StudentError
from mmkd_ray.metrics.classification import among_top_k
from mmkd_ray.students.bundle import Bundle
from mmkd_ray.students.card import Precision
from mmkd_ray.students.outputs import BATCH


@dataclass(frozen=True)
class Limit:
    """What an export may differ from its student by."""

    logits: float
    """The largest difference of a logit, as a share of the student's largest logit."""
    accuracy: float
    """Top-1 accuracy that may be lost; one image always may."""


LIMITS: dict[Precision, Limit] = {
    # Other libraries add in another order.
    "float32": Limit(1e-3, 0.002),
    # 11 bits a weight and activation, through every layer.
    "float16": Limit(2e-2, 0.01),
    # The largest error among all logits of all images says little here; the accuracy decides.
    "int8": Limit(1.0, 0.05),
}
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Verification:
    """What was found."""

    images: int
    difference: float
    """The largest of a logit, over all images and all outputs of the export."""
    limit: float
    """Of it."""
    same_class: int
    """Images that get the class that the student gives them."""
    student_top1: float
    export_top1: float

    @property
    def points(self) -> float:
        """What the export is better by, in points of top-1 accuracy; below 0: worse."""
        return 100 * (self.export_top1 - self.student_top1)


def verify(student: Bundle, export: Bundle, test: Pixels) -> Verification:
    """Compare an export with its student.

    Args:
        student: as training left it.
        export: read from its folder.
        test: images of the test split, at least one.

    Raises:
        StudentError: it differs by more than its precision explains.
    """
    classes_NC, aspects_NQ = student.outputs(test.in_batches(BATCH))
    export_classes_NC, export_aspects_NQ = export.outputs(test.in_batches(BATCH))
    allowed = LIMITS[export.card.precision]
    pairs = [(classes_NC, export_classes_NC)]
    if export.card.questions:
        pairs.append((aspects_NQ, export_aspects_NQ))
    difference = max(float((ours - theirs).abs().max()) for ours, theirs in pairs)
    limit = allowed.logits * max(float(ours.abs().max()) for ours, _ in pairs)
    labels_N = test.labels_N.numpy()
    top1, export_top1 = (
        float(among_top_k(logits.numpy(), labels_N, k=1).mean()) for logits in (classes_NC, export_classes_NC)
    )
    same = int((classes_NC.argmax(1) == export_classes_NC.argmax(1)).sum())
    found = Verification(len(test), difference, limit, same, top1, export_top1)
    # A difference that is nan is no small one.
    lost = max(allowed.accuracy, 1 / len(test))
    if not difference <= limit or export_top1 < top1 - lost - _ROUNDING:
        raise StudentError(
            f"the export is not the student, and nothing is kept of it: on {len(test):,} test images its logits differ "
            f"by up to {difference:.3g} (accepted in {export.card.precision}: {limit:.3g}), and its top-1 accuracy is "
            f"{100 * export_top1:.1f} % in place of {100 * top1:.1f} % (accepted: {100 * lost:.2g} points "
            "less); choose another --precision or --format"
        )
    return found
