"""What the probes of an evaluation do to images, to be looked at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmkd_ray.artifacts import Run
from mmkd_ray.config import BASELINE, Config, EvaluateConfig
from mmkd_ray.evaluate.evaluation import Evaluation
from mmkd_ray.evaluate.probes import Probe
from mmkd_ray.report.contact_sheets import CONTRAST, Picture, Sheet, SheetRow, attack_row, strip
from mmkd_ray.report.families import attack_title, epsilon_text, measured_probes
from mmkd_ray.report.headline import focus_arm
from mmkd_ray.study.students import trained_students

if TYPE_CHECKING:  # seconds of imports
    import torch

    from mmkd_ray.data.feed.pixels import Pixels
    from mmkd_ray.students.model import Student

ATTACKED = 3
"""Images of the sheet of an attack."""


def sheets_of(config: Config, run: Run, evaluation: Evaluation) -> list[Sheet]:
    """A sheet of the corruptions, and one of the first attack; none where neither was measured."""
    probes = measured_probes(evaluation)
    if not probes:
        return []
    from mmkd_ray.data.feed.pixels import load_pixels  # noqa: PLC0415 (seconds)
    from mmkd_ray.students.bundle import load_bundle  # noqa: PLC0415 (seconds)

    variant, arms = next(iter(evaluation.variants)), dict.fromkeys((BASELINE, focus_arm(evaluation)))
    first = {spec.arm: spec for spec in reversed(trained_students(config, run)) if spec.variant == variant}
    bundles = {arm: load_bundle(first[arm].folder(run)) for arm in arms if arm in first}
    card = next(iter(bundles.values())).card
    images = load_pixels(run, ["test"], card.picture_fit)
    students = {arm: bundle.student for arm, bundle in bundles.items()}
    corruptions = [probe for probe in probes if probe.kind == "corruptions"]
    attacks = [probe for probe in probes if probe.kind != "corruptions"]
    apart = [place * len(images) // ATTACKED for place in range(min(ATTACKED, len(images)))]
    sheets = [
        corruption_sheet(images.subset(apart[:1]), corruptions, next(iter(students.values())), config.evaluate),
        *(attack_sheet(images.subset(apart), probe, students, config.evaluate) for probe in attacks[:1]),
    ]
    return [sheet for sheet in sheets if sheet.rows]


def corruption_sheet(images: Pixels, probes: Sequence[Probe], student: Student, config: EvaluateConfig) -> Sheet:
    """One image under each corruption, at each severity."""
    severities = probes[0].severities(config) if probes else ()
    (clean,) = _pictures(images.in_batches(1))
    rows = [
        SheetRow(probe.name, strip([clean, *(_seen(images, probe, at, student, config)[0] for at in severities)]))
        for probe in probes
    ]
    lead = f"The test image {images.image_ids[0]} as students see it, at each severity."
    heads = ("clean", *(f"{severity:g}" for severity in severities))
    return Sheet("looks", "What the corruptions look like", lead, heads, rows)


def attack_sheet(images: Pixels, probe: Probe, students: Mapping[str, Student], config: EvaluateConfig) -> Sheet:
    """A few images under an attack of middle strength, of one student of each arm."""
    severities = probe.severities(config)
    severity = severities[len(severities) // 2]
    clean = _pictures(images.in_batches(1))
    rows = [
        attack_row(f"{arm}, {image_id}", before, after)
        for arm, student in students.items()
        for image_id, before, after in zip(
            images.image_ids, clean, _seen(images, probe, severity, student, config), strict=True
        )
    ]
    strength = f"{attack_title(probe)}, epsilon {epsilon_text(probe, severity)}"
    lead = f"What the attack ({strength}) makes of images, and {CONTRAST} times the difference, around grey."
    heads = ("clean", "attacked", f"difference x {CONTRAST}")
    return Sheet("attacked", "What the adversary does", lead, heads, rows)


def _seen(images: Pixels, probe: Probe, severity: float, student: Student, config: EvaluateConfig) -> list[Picture]:
    """In the order of `images`."""
    seen = probe.seen(images, severity, student, config)
    by_id = dict(zip(seen.image_ids, _pictures(seen.in_batches(1)), strict=True))
    return [by_id[image_id] for image_id in images.image_ids]


def _pictures(batches: Iterable[torch.Tensor]) -> list[Picture]:
    """Of batches of uint8, or of float in [0, 1]."""
    found = []
    for batch_B3SS in batches:
        values = batch_B3SS.detach().cpu().numpy()
        if values.dtype != np.uint8:
            values = np.rint(255 * values).astype(np.uint8)
        found += list(values.transpose(0, 2, 3, 1))
    return found
