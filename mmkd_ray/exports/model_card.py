"""The model card of an export: `README.md`, with what a hub's page reads at its top."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import timm
import torch
import yaml

from mmkd_ray.artifacts import Run
from mmkd_ray.config import ARMS, BASELINE, Config
from mmkd_ray.data.table import NOT_IMAGES
from mmkd_ray.errors import ArtifactError
from mmkd_ray.evaluate.evaluation import SHIFT_MEAN, ArmResults, Evaluation, read_evaluation
from mmkd_ray.exports.exported import Exported
from mmkd_ray.exports.usage import usage
from mmkd_ray.identity import settings
from mmkd_ray.render.words import MISSING, count, level
from mmkd_ray.students.card import Card
from mmkd_ray.study.students import StudentSpec
from mmkd_ray.tasks import Metric

_UNKNOWN = "not recorded; state it before you publish"


def describe(config: Config, run: Run, spec: StudentSpec, found: Exported) -> str:
    """The whole card, as Markdown.

    Args:
        config: of the run.
        run: that the student is from.
        spec: the student.
        found: what was written and verified.
    """
    card, evaluation = found.card, _evaluation(config, run)
    parts = [
        _front(card),
        f"# {config.name}: {card.name}",
        _lead(spec, card),
        "## How to use it",
        usage(card, found.place),
        "## Data",
        _data(spec.config, run, card),
        "## Recipe",
        _recipe(spec),
        "## Measures",
        _measures(spec, evaluation),
        "## This file",
        _file(found),
        "## Questions",
        _questions(spec, card),
        "## Licences",
        _licences(spec.config),
        "## Limits",
        _limits(spec, found, evaluation),
    ]
    return "\n\n".join(parts) + "\n"


def _front(card: Card) -> str:
    library = {"timm": "timm", "torch": "pytorch", "onnx": "onnx"}[card.form]
    front = {
        "license": "unknown",
        "library_name": library,
        "pipeline_tag": "image-classification",
        "tags": ["image-classification", "knowledge-distillation", "mmkd_ray", library],
        "metrics": ["accuracy"],
    }
    return f"---\n{yaml.safe_dump(front, sort_keys=False)}---"


def _lead(spec: StudentSpec, card: Card) -> str:
    variant = f" of the variant `{spec.variant}`" if spec.variant else ""
    return (
        f"A `{card.model}` that names one of {count(card.classes, 'class')} in an image. It is a student of "
        f"multi-aspect knowledge distillation ([arXiv 2501.13341](https://arxiv.org/abs/2501.13341)) by mmkd_ray: arm "
        f"`{spec.arm}`, seed {spec.seed}{variant}, exported as {card.form} in {card.precision}."
    )


def _data(config: Config, run: Run, card: Card) -> str:
    record = run.images.record() or {}
    images = ", ".join(f"{split} {number:,}" for split, number in record.get("images", {}).items())
    facts = settings(config.data, exclude=NOT_IMAGES - {"fit"})
    return (
        f"Images: {images}. The digest of the image table is `{record.get('digest')}`.\n\n{_yaml({'data': facts})}\n\n"
        f"Classes: {', '.join(card.class_names)}."
    )


def _recipe(spec: StudentSpec) -> str:
    config = spec.config
    facts = {
        "student": settings(config.student),
        "train": settings(config.train),
        "teacher": settings(config.teacher, include=("kind", "model", "name", "prompt")),
        "questions": len(spec.aspects),
    }
    return f"{_yaml(facts)}\n\nKeys that are not there have the defaults of mmkd_ray {version('mmkd-ray')}."


def _measures(spec: StudentSpec, evaluation: Evaluation | None) -> str:
    if evaluation is None:
        return "The study was not evaluated when this was exported: only what stands below about this file is known."
    metric, confidence = evaluation.primary, level(evaluation.confidence)
    rows = [
        f"| arm | seeds | test {metric.title} | over images | to `{BASELINE}`, over seeds | over images | unseen |",
        "|---|---|---|---|---|---|---|",
        *(_row(arm, results, metric) for arm, results in evaluation.variants[spec.variant].items()),
    ]
    return "\n".join(rows) + (
        f"\n\nMeans over seeds, \N{PLUS-MINUS SIGN} their standard deviation; intervals at {confidence}: over seeds "
        "they cover the randomness of training, over images which images the test happened to have. Unseen is the mean "
        "over the shift sets. This is one of these students, so its own value may lie beside its arm's mean."
    )


def _row(arm: str, results: ArmResults, metric: Metric) -> str:
    unit, test, shift = metric.unit, results.measure(metric), results.measure(metric, SHIFT_MEAN)
    cells = [
        f"`{arm}`",
        str(len(results.seeds)),
        *([MISSING] * 4),
        unit.text_with_sign(shift.mean) if shift else MISSING,
    ]
    if test:
        spread = "" if test.std is None else f" \N{PLUS-MINUS SIGN} {unit.text(test.std)}"
        cells[2] = f"{unit.text(test.mean)}{spread}{unit.sign}"
        if test.over_images:
            cells[3] = unit.span(test.over_images.low, test.over_images.high)
    if test and (found := test.difference):
        cells[4] = f"{unit.difference(found.mean)} ({unit.interval(found.low, found.high)})"
        if found.over_images:
            cells[5] = unit.interval(found.over_images.low, found.over_images.high)
    return f"| {' | '.join(cells)} |"


def _file(found: Exported) -> str:
    return "\n".join(
        ["| | this file | the student in PyTorch |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in found.rows)]
    ) + (
        f"\n\n{found.sentence} Times are medians on {count(torch.get_num_threads(), 'core')} of the machine that "
        "exported it, from decoded images to logits."
    )


def _questions(spec: StudentSpec, card: Card) -> str:
    asked = [aspect.question for aspect in spec.aspects]
    if card.questions:
        lead = "The aspect outputs, in this order, say what the teacher would answer:"
    elif ARMS[spec.arm].aspects:
        lead = "The student was taught the teacher's answers to these; their outputs are not in this file:"
    else:
        lead = "This arm was taught no answers to the study's questions:"
    return "\n".join([lead, "", *(f"{number}. {question}" for number, question in enumerate(asked, 1))])


def _licences(config: Config) -> str:
    drawn = config.data.source == "fieldguide"
    teacher = getattr(config.teacher, "model", None) or getattr(config.teacher, "name", "")
    facts = {
        "These weights": _UNKNOWN,
        "Images": "drawn by mmkd_ray, free of any licence" if drawn else f"{config.data.source}: {_UNKNOWN}",
        "Teacher": f"`{teacher}`: " + ("Apache-2.0" if teacher == "fieldguide" else _UNKNOWN),
        "Architecture": f"`{config.student.model}` of timm {timm.__version__}, Apache-2.0",
        "First weights": _first_weights(config),
    }
    return "\n".join(f"- {what}: {licence}" for what, licence in facts.items())


def _first_weights(config: Config) -> str:
    if not config.student.pretrained:
        return "random"
    known = timm.get_pretrained_cfg(config.student.model, allow_unregistered=True)
    licence = known.license if known and config.student.pretrained is True else None
    return f"pretrained; their licence: {licence or _UNKNOWN}"


def _limits(spec: StudentSpec, found: Exported, evaluation: Evaluation | None) -> str:
    shift = evaluation and evaluation.shift_sets
    elsewhere = 'less, as the column "unseen" shows' if shift else "less: no shift set was measured"
    limits = [
        f"It names one of its {found.card.classes} classes whatever it is shown.",
        f"Its accuracy was measured on {found.verification.images:,} images of one test split.",
        f"On images from elsewhere expect {elsewhere}.",
        "Its probabilities are not calibrated here; `mmkd evaluate` measures how far they can be trusted.",
        "Whether it is worse for some groups of images or people was not examined beyond what stands above.",
    ]
    if ARMS[spec.arm].aspects:
        limits.append(
            "Its aspects repeat the answers of a teacher model, with the teacher's mistakes: they are no ground truth."
        )
    if found.card.precision == "int8":
        limits.append("int8: the ranges of its activations come from training images; other images may exceed them.")
    return "\n".join(f"- {limit}" for limit in limits)


def _yaml(values: dict[str, Any]) -> str:
    return f"```yaml\n{yaml.safe_dump(values, sort_keys=False, allow_unicode=True).rstrip()}\n```"


def _evaluation(config: Config, run: Run) -> Evaluation | None:
    try:
        return read_evaluation(config, run)
    except ArtifactError:
        return None
