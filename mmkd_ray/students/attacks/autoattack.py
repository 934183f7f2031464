"""AutoAttack (Croce and Hein 2020, arXiv 2003.01690), the attack of published robust accuracies."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmkd_ray.errors import ConfigError, StudentError
from mmkd_ray.students.attacks.ball import Norm, project
from mmkd_ray.students.attacks.reliability import no_gradients, randomness, square_found_more, without_gradient
from mmkd_ray.students.attacks.victim import Victim, victim
from mmkd_ray.students.model import Student

_Perturb = Callable[[Tensor, Tensor], Tensor]
_APGD_T_CLASSES = 4
"""Fewest classes of its loss, the targeted DLR: the four largest logits are in it."""
_TARGETS = 9
"""Most target classes of APGD-T and FAB-T in the standard version."""


def autoattack(
    student: Student,
    images_B3SS: Float[Tensor, "B 3 S S"],
    labels_B: Int[Tensor, " B"],
    *,
    norm: Norm,
    epsilon: float,
    seed: int,
    batch: int,
    square_queries: int = 5000,
) -> tuple[Float[Tensor, "B 3 S S"], list[str]]:
    """The standard version: APGD-CE, APGD-T, FAB-T and Square, each on the images that those before left right.

    Args:
        student: is attacked in evaluation mode; its modes and gradients are as before at the end.
        images_B3SS: values in [0, 1], on the student's device.
        labels_B: the true classes.
        norm: of the change.
        epsilon: the largest change, in values of [0, 1]. Published: L-inf 8/255 (CIFAR) or 4/255 (ImageNet), L2 0.5
            (CIFAR).
        seed: of the random starts. The same seed, images, order and `batch` give the same result.
        batch: images that are attacked at the same time.
        square_queries: of Square, for each image; published numbers take the default.

    Returns:
        The images, changed where a change of at most epsilon makes the class wrong and as they were elsewhere; and a
        sentence for each sign that the robust accuracy cannot be trusted or that the attack is not the published one.

    Raises:
        ConfigError: pyautoattack is not installed.
        StudentError: the student has a single class.
    """
    count = len(images_B3SS)
    images_B3SS = images_B3SS.contiguous()  # the package takes `view`s of them: no channels last
    adversarial, found = images_B3SS.clone(), {}
    # The attacks seed torch's global generator.
    with victim(student) as logits_of, torch.random.fork_rng([images_B3SS.device] if images_B3SS.is_cuda else []):
        attacks = _attacks(logits_of, student.classes, images_B3SS.device, norm, epsilon, seed, square_queries)
        random = randomness(logits_of, images_B3SS[:batch])
        parts = _parts(torch.ones(count, dtype=torch.bool), batch)
        useless = sum(without_gradient(logits_of, images_B3SS[part], labels_B[part]) for part in parts)
        with torch.no_grad():
            right_B = torch.cat([~_wrong(logits_of, images_B3SS[part], labels_B[part]) for part in parts])
            for name, perturb in attacks.items():
                before = int(right_B.sum())
                for part in _parts(right_B, batch):
                    clean, labels = images_B3SS[part], labels_B[part]
                    changed = project(perturb(clean, labels), clean, norm=norm, epsilon=epsilon)
                    # Along a gradient that is not a number an attack ends at an image that is none.
                    fooled = _wrong(logits_of, changed, labels) & changed.flatten(1).isfinite().all(1)
                    adversarial[part[fooled]] = changed[fooled]
                    right_B[part[fooled]] = False
                found[name] = before - int(right_B.sum())
    square = square_found_more(found["square"], count)
    signs = [random, no_gradients(useless, count), square, _incomplete(student.classes)]
    return adversarial, [sign for sign in signs if sign]


def _parts(chosen_B: Bool[Tensor, " B"], batch: int) -> Sequence[Tensor]:
    """The places of those that are chosen, in parts of at most `batch`; none is empty."""
    places = chosen_B.nonzero()[:, 0]
    return places.split(batch) if len(places) else ()


def _incomplete(classes: int) -> str | None:
    if classes >= _APGD_T_CLASSES:
        return None
    return f"AutoAttack ran without APGD-T: its loss needs {_APGD_T_CLASSES} classes, the student has {classes}"


def _attacks(
    logits_of: Victim,
    classes: int,
    device: torch.device,
    norm: Norm,
    epsilon: float,
    seed: int,
    square_queries: int,
) -> dict[str, _Perturb]:
    """The attacks by name, in their order, as the package's standard version sets them.

    They are called one by one: the package's own loop ends by `sys.settrace(None)`, which ends debuggers and coverage.
    """
    if classes < 2:
        raise StudentError(f"AutoAttack: the student has {classes} class; an attack needs 2 or more")
    suite = _package().AutoAttack(logits_of, norm=norm, eps=epsilon, seed=seed, device=device, version="standard")
    suite.apgd_targeted.n_target_classes = suite.fab.n_target_classes = min(_TARGETS, classes - 1)
    suite.square.n_queries = square_queries
    suite.fab.targeted = True
    suite.apgd.logger = suite.apgd_targeted.logger = _silent()  # `reliability` says it
    attacks = {"apgd-ce": suite.apgd, "apgd-t": suite.apgd_targeted, "fab-t": suite.fab, "square": suite.square}
    if classes < _APGD_T_CLASSES:
        del attacks["apgd-t"]
    return {name: attack.perturb for name, attack in attacks.items()}


def _package() -> Any:
    try:
        import pyautoattack  # noqa: PLC0415 (an extra)
    except ImportError as error:
        raise ConfigError(
            "AutoAttack: the package pyautoattack is not installed: install the extra `robustness` in the environment "
            "of every node (`uv pip install 'mmkd-ray[robustness]'`), or attack with PGD alone"
        ) from error
    return pyautoattack


def _silent() -> logging.Logger:
    logger = logging.Logger("auto-attack")
    logger.addHandler(logging.NullHandler())
    return logger


def _wrong(logits_of: Victim, images_B3SS: Float[Tensor, "B 3 S S"], labels_B: Int[Tensor, " B"]) -> Bool[Tensor, " B"]:
    return logits_of(images_B3SS).argmax(1) != labels_B
