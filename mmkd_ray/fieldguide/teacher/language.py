"""Second stage: projector and language model learn to answer, from cached features of the frozen vision tower.

Shapes: N pictures, B of them in a step, K questions of a picture, T image tokens, F features of a token, V vocabulary.
"""

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from transformers import InternVLForConditionalGeneration, PreTrainedTokenizerFast

from mmkd_ray.fieldguide.questions import QUESTIONS
from mmkd_ray.fieldguide.teacher.optimizer import Optimizers
from mmkd_ray.fieldguide.teacher.packing import SharedPrefix, Wordings, tokenize
from mmkd_ray.fieldguide.teacher.progress import Progress
from mmkd_ray.fieldguide.teacher.recipe import Recipe
from mmkd_ray.fieldguide.teacher.words import answer_ids


def train_language(
    model: InternVLForConditionalGeneration,
    tokenizer: PreTrainedTokenizerFast,
    features_NTF: torch.Tensor,
    answers_NQ: np.ndarray,
    recipe: Recipe,
) -> None:
    """Train projector and language model in place."""
    projector, language = model.model.multi_modal_projector.train(), model.model.language_model.train()
    optimizers = Optimizers(
        [*projector.named_parameters(), *language.named_parameters()],
        muon_rate=recipe.language_muon_rate,
        adam_rate=recipe.language_adam_rate,
        total_steps=recipe.language_steps,
    )
    wordings, rows_by_question = _training_wordings(tokenizer)
    yes, no = answer_ids(tokenizer)
    prompts = SharedPrefix(model, tokenizer)
    rate_Q = answers_NQ.mean(axis=0)
    rng = np.random.default_rng([recipe.seed, 78])
    progress = Progress("language", recipe.language_steps)
    for step in range(recipe.language_steps):
        pictures = rng.integers(len(features_NTF), size=recipe.language_batch)
        asked_BK = _choose_questions(
            rng, answers_NQ[pictures], recipe, rate_Q if step < recipe.balanced_steps else None
        )
        canonical = step < recipe.canonical_steps
        wording_BK = _choose_wordings(rng, asked_BK, rows_by_question, canonical=canonical)
        truth_BK = answers_NQ[pictures[:, None], asked_BK]
        targets_BK = torch.from_numpy(np.where(truth_BK, yes, no))
        with torch.autocast("cpu", torch.bfloat16):
            image_BTD = projector(features_NTF[torch.from_numpy(pictures)].float())
            logits_BKV = prompts.answer_logits(image_BTD, wordings, torch.from_numpy(wording_BK))
        # Over the whole vocabulary: "Yes" and "No" must get all of the probability.
        loss = cross_entropy(logits_BKV.float().flatten(0, 1), targets_BK.flatten())
        optimizers.step(loss)
        progress.update(step + 1, f"loss {loss.item():.4f}")
    model.eval()


def _training_wordings(tokenizer: PreTrainedTokenizerFast) -> tuple[Wordings, list[np.ndarray]]:
    """All wordings except the held-out ones, and the rows of each question among them, the canonical one first."""
    texts: list[str] = []
    rows_by_question = []
    for question in QUESTIONS:
        wordings = (question.text, *question.paraphrases)
        rows_by_question.append(np.arange(len(texts), len(texts) + len(wordings)))
        texts += wordings
    return tokenize(tokenizer, texts), rows_by_question


def _choose_questions(
    rng: np.random.Generator, truth_BQ: np.ndarray, recipe: Recipe, rate_Q: np.ndarray | None
) -> np.ndarray:
    """Different questions for each picture, `asked_BK`.

    With `rate_Q`, the rate of Yes of each question, questions are weighted so that both answers are equally likely.
    """
    weight_BQ = np.ones(truth_BQ.shape) if rate_Q is None else np.where(truth_BQ, 1 / rate_Q, 1 / (1 - rate_Q))
    # Efraimidis and Spirakis (2006): the largest u ** (1 / weight) are a weighted sample without replacement.
    keys_BQ = rng.random(truth_BQ.shape) ** (1 / weight_BQ)
    return np.argsort(-keys_BQ, axis=1)[:, : recipe.questions_per_picture]


def _choose_wordings(
    rng: np.random.Generator, asked_BK: np.ndarray, rows_by_question: list[np.ndarray], *, canonical: bool
) -> np.ndarray:
    """A wording for each question; when paraphrases are used, at least one in three is still the canonical one."""
    first_Q = np.array([rows[0] for rows in rows_by_question])
    count_Q = np.array([len(rows) for rows in rows_by_question])
    draw_BK, paraphrase_BK = rng.random(asked_BK.shape), rng.random(asked_BK.shape) < 2 / 3
    offset_BK = (draw_BK * count_Q[asked_BK]).astype(np.int64)
    return first_Q[asked_BK] + np.where(paraphrase_BK & (not canonical), offset_BK, 0)
