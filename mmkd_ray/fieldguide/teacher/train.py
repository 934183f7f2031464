"""Train the teacher: draw birds, train vision, train language, save, measure."""

import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from transformers import InternVLForConditionalGeneration, PreTrainedTokenizerFast

from mmkd_ray.fieldguide.questions import QUESTIONS
from mmkd_ray.fieldguide.teacher.accuracy import QuestionScore, measure
from mmkd_ray.fieldguide.teacher.architecture import build_model
from mmkd_ray.fieldguide.teacher.card import write_card
from mmkd_ray.fieldguide.teacher.language import train_language
from mmkd_ray.fieldguide.teacher.pictures import Pictures, draw_pictures
from mmkd_ray.fieldguide.teacher.progress import say
from mmkd_ray.fieldguide.teacher.recipe import Recipe
from mmkd_ray.fieldguide.teacher.vision import auxiliary_accuracy, shuffled_features, train_vision
from mmkd_ray.fieldguide.teacher.words import build_processor, build_tokenizer

TRAIN_STREAM, HELDOUT_STREAM = 0, 1
"""Independent streams of random pictures."""


def train_teacher(output: Path, recipe: Recipe) -> list[QuestionScore]:
    """Train a teacher and write it to the folder `output`, with its card; returns its scores on held-out birds.

    The vision stage's result is stored beside `output` until the job is done, so that an interrupted job continues
    after this stage.
    """
    started = time.perf_counter()
    vision_file = output.with_name(f"{output.name}.vision.pt")
    torch.manual_seed(recipe.seed)
    tokenizer = build_tokenizer()
    model = build_model(
        recipe,
        vocab_size=len(tokenizer),
        image_token_id=tokenizer.context_image_token_id,
        end_id=tokenizer.eos_token_id,
    )
    pictures = draw_pictures(TRAIN_STREAM, recipe.train_pictures, seed=recipe.seed, with_parts=True)
    heldout = draw_pictures(HELDOUT_STREAM, recipe.heldout_pictures, seed=recipe.seed, with_parts=False)
    seconds = {"drawing": time.perf_counter() - started}
    seconds["vision"] = _vision_stage(model, pictures, heldout, recipe, vision_file)
    seconds["language"] = _language_stage(model, tokenizer, pictures, recipe)
    reloaded = _save(model, tokenizer, output)
    scores = measure(reloaded, tokenizer, heldout)
    write_card(output / "README.md", recipe=recipe, scores=scores, seconds=seconds, parameters=model.num_parameters())
    vision_file.unlink()
    return scores


def _vision_stage(
    model: InternVLForConditionalGeneration, pictures: Pictures, heldout: Pictures, recipe: Recipe, file: Path
) -> float:
    """Train vision, or load a stored result of the same recipe; returns the seconds of training."""
    key = {
        name: value
        for name, value in asdict(recipe).items()
        if not name.startswith(("language", "canonical", "balanced"))
    }
    if file.exists():
        saved = torch.load(file, weights_only=True)
        if saved["key"] == key:
            model.load_state_dict(saved["model"])
            model.eval()
            return float(saved["seconds"])
    started = time.perf_counter()
    heads = train_vision(model, pictures, recipe)
    seconds = time.perf_counter() - started
    accuracy_Q = auxiliary_accuracy(model, heads, heldout)
    worst = ", ".join(f"{QUESTIONS[i].id} {accuracy_Q[i]:.3f}" for i in np.argsort(accuracy_Q)[:8])
    say(f"vision: {seconds:.0f} s; mean accuracy of the auxiliary answers {accuracy_Q.mean():.4f}; lowest: {worst}")
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"key": key, "model": model.state_dict(), "seconds": seconds}, file)
    return seconds


def _language_stage(
    model: InternVLForConditionalGeneration, tokenizer: PreTrainedTokenizerFast, pictures: Pictures, recipe: Recipe
) -> float:
    """Train projector and language model; returns the seconds of training."""
    started = time.perf_counter()
    features_NTF = shuffled_features(model, pictures.images_NHWC)
    train_language(model, tokenizer, features_NTF, pictures.answers_NQ, recipe)
    return time.perf_counter() - started


def _save(
    model: InternVLForConditionalGeneration, tokenizer: PreTrainedTokenizerFast, output: Path
) -> InternVLForConditionalGeneration:
    """Write the checkpoint with float16 weights, and load it again as users do, in float32.

    Its configuration says float32, so that every loader computes in float32; only the file has float16.
    """
    output.mkdir(parents=True, exist_ok=True)
    build_processor(tokenizer).save_pretrained(output)
    for part in (model.model.vision_tower, model.model.language_model):
        part.config.dtype = torch.float32
    state = {name: tensor.half() for name, tensor in model.state_dict().items()}
    model.save_pretrained(output, state_dict=state)
    return InternVLForConditionalGeneration.from_pretrained(output, dtype=torch.float32).eval()
