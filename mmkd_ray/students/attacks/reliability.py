"""Signs that an attack cannot tell how robust a student is (Carlini et al. 2019, arXiv 1902.06705)."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mmkd_ray.students.attacks.victim import Victim

_TIMES = 5
_LARGEST_DIFFERENCE = 1e-4
"""Of the logits divided by their 2-norm. This and the number of times are those of AutoAttack's own check."""
_SQUARE_SHARE = 0.002
"""Of the images, as in AutoAttack's own check."""


def randomness(logits_of: Victim, images_B3SS: Float[Tensor, "B 3 S S"]) -> str | None:
    """A sentence if the student's logits differ from one look at the same images to the next."""
    with torch.no_grad():
        outputs = [torch.nn.functional.normalize(logits_of(images_B3SS), dim=1) for _ in range(_TIMES)]
    difference = max(float((output - outputs[0]).norm(dim=1).max()) for output in outputs[1:])
    if difference <= _LARGEST_DIFFERENCE:
        return None
    return (
        f"the student's output for the same image is random (it differs by {difference:.2g} of its length): attacks "
        "that follow one gradient overestimate its robust accuracy; average the gradient over many outputs"
    )


def without_gradient(logits_of: Victim, images_B3SS: Float[Tensor, "B 3 S S"], labels_B: Int[Tensor, " B"]) -> int:
    """For how many images the gradient of the margin of the true class over the next is zero or not a number.

    The margin, not the cross-entropy: the gradient of that is 0 in float32 for a student that is merely sure of itself.
    """
    with torch.enable_grad():
        images_B3SS = images_B3SS.detach().requires_grad_()
        logits_BC = logits_of(images_B3SS)
        true_B1 = labels_B[:, None]
        others_BC = logits_BC.scatter(1, true_B1, float("-inf"))
        margin = (logits_BC.gather(1, true_B1)[:, 0] - others_BC.amax(1)).sum()
        (gradient_B3SS,) = torch.autograd.grad(margin, images_B3SS)
    sums_B = gradient_B3SS.flatten(1).abs().sum(1)
    return int(((sums_B == 0) | ~sums_B.isfinite()).sum())


def no_gradients(count: int, images: int) -> str | None:
    """A sentence if there are images of no use to attacks by gradient."""
    if not count:
        return None
    return (
        f"the gradient of {count} of {images} images is zero or not a number: attacks that follow it fail there, "
        "and the robust accuracy is overestimated; run more queries of Square or an adaptive attack"
    )


def square_found_more(count: int, images: int) -> str | None:
    """A sentence if Square, which uses no gradient, fools the student where the attacks by gradient did not."""
    if count <= _SQUARE_SHARE * images:
        return None
    return (
        f"Square, which uses no gradient, changed the class of {count} of {images} images that the attacks by gradient "
        "could not: gradients are masked, and the robust accuracy is overestimated; run more queries of Square or an "
        "adaptive attack"
    )
