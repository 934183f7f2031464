"""First stage: train vision tower and projector, without any language.

Two auxiliary heads, dropped afterwards, predict which answers each patch shows, and the answers for the whole picture.
Each of the latter is predicted from a single image token, the same one for neighbouring questions, so that the language
model finds an answer at one position. Predicted from the mean of all patches they were as accurate, but after 1,500
steps of the language stage 25 questions were still at their base rate; with one token each, and Yes as frequent as No
(`language.py`), all were learnt in 200.
Shapes: B pictures, P patches, Q questions, T image tokens, D width, F features of a token after pixel shuffle.
"""

import math

import numpy as np
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits
from transformers import InternVLForConditionalGeneration

from mmkd_ray.fieldguide.questions import QUESTIONS
from mmkd_ray.fieldguide.teacher.architecture import IMAGE_TOKENS
from mmkd_ray.fieldguide.teacher.optimizer import Optimizers
from mmkd_ray.fieldguide.teacher.pictures import Pictures
from mmkd_ray.fieldguide.teacher.progress import Progress
from mmkd_ray.fieldguide.teacher.recipe import Recipe


class AuxiliaryHeads(nn.Module):
    """Linear heads: from each patch to its parts, from one image token to each answer."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(recipe.vision_width)
        self.parts_head = nn.Linear(recipe.vision_width, len(QUESTIONS))
        self.token_norm = nn.LayerNorm(recipe.text_width)
        self.answers_head = nn.Linear(recipe.text_width, len(QUESTIONS))
        self.token_of_Q = torch.arange(len(QUESTIONS)) * IMAGE_TOKENS // len(QUESTIONS)

    def part_logits(self, patches_BPD: torch.Tensor) -> torch.Tensor:
        """`part_logits_BPQ`."""
        return self.parts_head(self.norm(patches_BPD))

    def answer_logits(self, tokens_BTD: torch.Tensor) -> torch.Tensor:
        """`answer_logits_BQ`."""
        tokens_BQD = self.token_norm(tokens_BTD)[:, self.token_of_Q]
        return (tokens_BQD * self.answers_head.weight).sum(dim=-1) + self.answers_head.bias


def to_pixel_values(images_BHWC: np.ndarray) -> torch.Tensor:
    """Images as the checkpoint's processor gives them to the model: `pixels_BCHW` from -1 to 1."""
    return torch.from_numpy(images_BHWC).permute(0, 3, 1, 2).float() / 127.5 - 1


def train_vision(model: InternVLForConditionalGeneration, pictures: Pictures, recipe: Recipe) -> AuxiliaryHeads:
    """Train vision tower and projector in place; returns the auxiliary heads."""
    tower, projector = model.model.vision_tower.train(), model.model.multi_modal_projector.train()
    heads = AuxiliaryHeads(recipe)
    optimizers = Optimizers(
        [*tower.named_parameters(), *projector.named_parameters(), *heads.named_parameters()],
        muon_rate=recipe.vision_muon_rate,
        adam_rate=recipe.vision_adam_rate,
        total_steps=recipe.vision_steps,
    )
    order = _epochs(len(pictures.images_NHWC), recipe.vision_steps * recipe.vision_batch, recipe.seed)
    progress = Progress("vision", recipe.vision_steps)
    for step in range(recipe.vision_steps):
        rows = order[step * recipe.vision_batch : (step + 1) * recipe.vision_batch]
        loss = _vision_loss(model, heads, pictures, rows, recipe.part_weight)
        optimizers.step(loss)
        progress.update(step + 1, f"loss {loss.item():.4f}")
    model.eval()
    return heads


def _epochs(count: int, total: int, seed: int) -> np.ndarray:
    """Row numbers for `total` draws: shuffled epochs, one after the other."""
    rng = np.random.default_rng([seed, 77])
    return np.concatenate([rng.permutation(count) for _ in range(math.ceil(total / count))])[:total]


def _vision_loss(
    model: InternVLForConditionalGeneration,
    heads: AuxiliaryHeads,
    pictures: Pictures,
    rows: np.ndarray,
    part_weight: float,
) -> torch.Tensor:
    assert pictures.parts_NPQ is not None
    parts_BPQ = np.unpackbits(pictures.parts_NPQ[rows], axis=-1, count=len(QUESTIONS))
    with torch.autocast("cpu", torch.bfloat16):
        patches_BPD = _patches(model, pictures.images_NHWC[rows])
        part_logits_BPQ = heads.part_logits(patches_BPD)
        answer_logits_BQ = heads.answer_logits(model.model.multi_modal_projector(_shuffled(model, patches_BPD)))
    answers_loss = binary_cross_entropy_with_logits(
        answer_logits_BQ.float(), torch.from_numpy(pictures.answers_NQ[rows]).float()
    )
    parts_loss = binary_cross_entropy_with_logits(part_logits_BPQ.float(), torch.from_numpy(parts_BPQ).float())
    return answers_loss + part_weight * parts_loss


def _patches(model: InternVLForConditionalGeneration, images_BHWC: np.ndarray) -> torch.Tensor:
    """The tower's last hidden states without the class token: `patches_BPD`."""
    return model.model.vision_tower(to_pixel_values(images_BHWC)).last_hidden_state[:, 1:]


def _shuffled(model: InternVLForConditionalGeneration, patches_BPD: torch.Tensor) -> torch.Tensor:
    """The projector's input: four neighbouring patches in one token, `features_BTF`."""
    side = int(patches_BPD.shape[1] ** 0.5)
    grid_BHWD = patches_BPD.unflatten(1, (side, side))
    return model.model.pixel_shuffle(grid_BHWD, scale_factor=0.5).flatten(1, 2)


@torch.inference_mode()
def auxiliary_accuracy(
    model: InternVLForConditionalGeneration, heads: AuxiliaryHeads, pictures: Pictures
) -> np.ndarray:
    """Accuracy of the auxiliary answers, `accuracy_Q`: an upper estimate for the language stage."""
    correct = []
    for start in range(0, len(pictures.images_NHWC), 250):
        batch = slice(start, start + 250)
        features_BTF = _shuffled(model, _patches(model, pictures.images_NHWC[batch]))
        answer_logits_BQ = heads.answer_logits(model.model.multi_modal_projector(features_BTF))
        correct.append((answer_logits_BQ.numpy() > 0) == pictures.answers_NQ[batch])
    return np.concatenate(correct).mean(axis=0)


@torch.inference_mode()
def shuffled_features(model: InternVLForConditionalGeneration, images_NHWC: np.ndarray) -> torch.Tensor:
    """The projector's input from the frozen tower: `features_NTF`, stored in float16 to save memory."""
    features = []
    progress = Progress("features", len(images_NHWC))
    for start in range(0, len(images_NHWC), 250):
        images_BHWC = images_NHWC[start : start + 250]
        with torch.autocast("cpu", torch.bfloat16):
            patches_BPD = _patches(model, images_BHWC)
        features.append(_shuffled(model, patches_BPD.float()).half())
        progress.update(start + len(images_BHWC))
    return torch.cat(features)
