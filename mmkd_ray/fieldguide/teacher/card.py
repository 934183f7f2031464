"""Write the model card of a teacher from its measurements."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import transformers

from mmkd_ray.fieldguide.questions import QUESTIONS
from mmkd_ray.fieldguide.teacher.accuracy import QuestionScore
from mmkd_ray.fieldguide.teacher.recipe import Recipe


def write_card(
    path: Path,
    *,
    recipe: Recipe,
    scores: Sequence[QuestionScore],
    seconds: Mapping[str, float],
    parameters: int,
) -> None:
    """Write README.md: data, recipe, seconds, accuracy of each question."""
    path.write_text("\n".join([*_head(recipe, parameters), *_results(scores), *_recipe(recipe, seconds)]) + "\n")


def _head(recipe: Recipe, parameters: int) -> list[str]:
    size = f"{parameters / 1e6:.2f} million parameters"
    return [
        "---",
        "license: apache-2.0",
        "library_name: transformers",
        "pipeline_tag: image-text-to-text",
        "---",
        "# Field-guide teacher",
        "",
        f"A vision-language model of {size} (`InternVLForConditionalGeneration`) that answers",
        f"{len(QUESTIONS)} yes/no questions about drawn birds, from 64 x 64 pixels. It knows nothing else.",
        "",
        "Made by `jobs/train_fieldguide_teacher.py`. Weights are stored in float16, to be computed with in float32.",
        "",
        "## Data",
        "",
        f"{recipe.train_pictures:,} drawings of birds with random traits in random scenes",
        "(`mmkd_ray.fieldguide.traits.random_picture`); the held-out ones come from another stream of random numbers.",
        "No species and no habitat of the shift set were shown. The answers are the true traits; what cannot be seen",
        "(the legs of a swimming bird) is answered No.",
        "",
    ]


def _results(scores: Sequence[QuestionScore]) -> list[str]:
    def mean(name: str) -> float:
        return float(np.mean([getattr(score, name) for score in scores]))

    lowest = min(scores, key=lambda score: score.accuracy)
    return [
        "## Accuracy on held-out random birds",
        "",
        f"Mean {mean('accuracy'):.4f} (balanced {mean('balanced_accuracy'):.4f});",
        f"held-out wordings {mean('heldout_wording_accuracy'):.4f};",
        f"lowest question: {lowest.question_id}, {lowest.accuracy:.4f}.",
        "",
        f"P(Yes) + P(No) over the whole vocabulary: {mean('mean_mass'):.6f} on average.",
        "A held-out wording joins a sentence pattern and a phrase that were each trained on, but never together.",
        "",
        "| question | base rate of Yes | accuracy | balanced accuracy | held-out wording |",
        "|---|---|---|---|---|",
        *(_row(score) for score in scores),
        "",
    ]


def _row(score: QuestionScore) -> str:
    fractions = (score.accuracy, score.balanced_accuracy, score.heldout_wording_accuracy)
    cells = [score.question_id, f"{score.base_rate:.3f}", *(f"{fraction:.4f}" for fraction in fractions)]
    return f"| {' | '.join(cells)} |"


def _recipe(recipe: Recipe, seconds: Mapping[str, float]) -> list[str]:
    stages = ", ".join(f"{stage} {value:.0f}" for stage, value in seconds.items())
    return [
        "## Recipe",
        "",
        "First the vision tower alone, told which patches show which answer (heads dropped afterwards); then projector",
        "and language model on the frozen tower's features, canonical wordings first, then all that are not held out.",
        "Muon for matrices, AdamW for the rest; bfloat16 products.",
        "",
        f"Wall-clock seconds: {stages}, with {torch.get_num_threads()} thread(s).",
        f"torch {torch.__version__}, transformers {transformers.__version__}.",
        "",
        *(f"- {name}: {value}" for name, value in asdict(recipe).items()),
    ]
