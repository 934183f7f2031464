"""Measure a teacher's accuracy on birds that it was not trained on."""

from dataclasses import dataclass

import numpy as np
import torch
from transformers import InternVLForConditionalGeneration, PreTrainedTokenizerFast

from mmkd_ray.fieldguide.questions import QUESTIONS
from mmkd_ray.fieldguide.teacher.packing import SharedPrefix, tokenize
from mmkd_ray.fieldguide.teacher.pictures import Pictures
from mmkd_ray.fieldguide.teacher.vision import to_pixel_values
from mmkd_ray.fieldguide.teacher.words import answer_ids

_BATCH = 40


@dataclass(frozen=True, slots=True)
class QuestionScore:
    """The score of one question: fractions of the held-out pictures."""

    question_id: str
    base_rate: float
    accuracy: float
    balanced_accuracy: float
    heldout_wording_accuracy: float
    mean_mass: float
    """Mean probability of "Yes" and "No" together."""


@torch.inference_mode()
def measure(
    model: InternVLForConditionalGeneration, tokenizer: PreTrainedTokenizerFast, pictures: Pictures
) -> list[QuestionScore]:
    """Score each question in its canonical wording and in the held-out one, in the model's own precision."""
    canonical_NQ, mass_NQ = p_yes(model, tokenizer, pictures, [question.text for question in QUESTIONS])
    heldout_NQ, _ = p_yes(model, tokenizer, pictures, [question.held_out for question in QUESTIONS])
    scores = []
    for number, question in enumerate(QUESTIONS):
        truth_N = pictures.answers_NQ[:, number]
        right_N = (canonical_NQ[:, number] > 0.5) == truth_N
        heldout_right_N = (heldout_NQ[:, number] > 0.5) == truth_N
        scores.append(
            QuestionScore(
                question_id=question.id,
                base_rate=float(truth_N.mean()),
                accuracy=float(right_N.mean()),
                balanced_accuracy=float((right_N[truth_N].mean() + right_N[~truth_N].mean()) / 2),
                heldout_wording_accuracy=float(heldout_right_N.mean()),
                mean_mass=float(mass_NQ[:, number].mean()),
            )
        )
    return scores


def p_yes(
    model: InternVLForConditionalGeneration, tokenizer: PreTrainedTokenizerFast, pictures: Pictures, texts: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """P(yes) of each picture and text, and the probability of "Yes" and "No" together: two arrays `NQ`."""
    yes, no = answer_ids(tokenizer)
    prompts = SharedPrefix(model, tokenizer)
    wordings = tokenize(tokenizer, texts)
    p_yes_rows, mass_rows = [], []
    for start in range(0, len(pictures.images_NHWC), _BATCH):
        pixels_BCHW = to_pixel_values(pictures.images_NHWC[start : start + _BATCH])
        image_BTD = model.model.get_image_features(
            pixels_BCHW, vision_feature_layer=-1, vision_feature_select_strategy="default"
        ).pooler_output
        asked_BK = torch.arange(len(texts)).expand(len(pixels_BCHW), -1)
        probabilities_BKV = prompts.answer_logits(image_BTD, wordings, asked_BK).softmax(dim=-1)
        mass_BK = probabilities_BKV[..., yes] + probabilities_BKV[..., no]
        p_yes_rows.append((probabilities_BKV[..., yes] / mass_BK).numpy())
        mass_rows.append(mass_BK.numpy())
    return np.concatenate(p_yes_rows), np.concatenate(mass_rows)
