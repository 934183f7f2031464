"""First stage: the vision tower learns to see, without any language.

Two auxiliary heads, dropped afterwards: which answers are Yes for the whole picture, and which of them a patch shows.
Shapes: B pictures, P patches, Q questions, D width, T image tokens, F features of a token after pixel shuffle.
"""

import numpy as np
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits
from transformers import InternVLForConditionalGeneration

from mmkd_ray.fieldguide.questions import QUESTIONS
from mmkd_ray.fieldguide.teacher.optimizer import Optimizers
from mmkd_ray.fieldguide.teacher.pictures import Pictures
from mmkd_ray.fieldguide.teacher.progress import Progress
from mmkd_ray.fieldguide.teacher.recipe import Recipe


class SeeingHeads(nn.Module):
    """Linear readings of the patches: of each one for its parts, of their mean for the answers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.parts_head = nn.Linear(width, len(QUESTIONS))
        self.answers_head = nn.Linear(width, len(QUESTIONS))

    def forward(self, patches_BPD: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """`answer_logits_BQ` and `part_logits_BPQ`."""
        normed_BPD = self.norm(patches_BPD)
        return self.answers_head(normed_BPD.mean(dim=1)), self.parts_head(normed_BPD)


def to_pixel_values(images_BHWC: np.ndarray) -> torch.Tensor:
    """Images as the checkpoint's processor gives them to the model: `pixels_BCHW` from -1 to 1."""
    return torch.from_numpy(images_BHWC).permute(0, 3, 1, 2).float() / 127.5 - 1


def train_vision(model: InternVLForConditionalGeneration, pictures: Pictures, recipe: Recipe) -> SeeingHeads:
    """Train the vision tower in place; returns the auxiliary heads."""
    tower = model.model.vision_tower.train()
    heads = SeeingHeads(recipe.vision_width)
    optimizers = Optimizers(
        [*tower.named_parameters(), *heads.named_parameters()],
        muon_rate=recipe.vision_muon_rate,
        adam_rate=recipe.vision_adam_rate,
        total_steps=recipe.vision_steps,
    )
    order = _epochs(len(pictures.images_NHWC), recipe.vision_steps * recipe.vision_batch, recipe.seed)
    progress = Progress("vision", recipe.vision_steps)
    for step in range(recipe.vision_steps):
        rows = order[step * recipe.vision_batch : (step + 1) * recipe.vision_batch]
        loss = _seeing_loss(tower, heads, pictures, rows, recipe.part_weight)
        optimizers.step(loss)
        progress.update(step + 1, f"loss {loss.item():.4f}")
    tower.eval()
    return heads


def _epochs(count: int, total: int, seed: int) -> np.ndarray:
    """Row numbers for `total` draws: shuffled epochs, one after the other."""
    rng = np.random.default_rng([seed, 77])
    return np.concatenate([rng.permutation(count) for _ in range(-(-total // count))])[:total]


def _seeing_loss(
    tower: nn.Module, heads: SeeingHeads, pictures: Pictures, rows: np.ndarray, part_weight: float
) -> torch.Tensor:
    assert pictures.parts_NPQ is not None
    parts_BPQ = np.unpackbits(pictures.parts_NPQ[rows], axis=-1, count=len(QUESTIONS))
    with torch.autocast("cpu", torch.bfloat16):
        patches_BPD = tower(to_pixel_values(pictures.images_NHWC[rows])).last_hidden_state[:, 1:]
        answer_logits_BQ, part_logits_BPQ = heads(patches_BPD)
    answers_loss = binary_cross_entropy_with_logits(
        answer_logits_BQ.float(), torch.from_numpy(pictures.answers_NQ[rows]).float()
    )
    parts_loss = binary_cross_entropy_with_logits(part_logits_BPQ.float(), torch.from_numpy(parts_BPQ).float())
    return answers_loss + part_weight * parts_loss


@torch.inference_mode()
def seeing_accuracy(model: InternVLForConditionalGeneration, heads: SeeingHeads, pictures: Pictures) -> np.ndarray:
    """Accuracy of the auxiliary answers: `accuracy_Q`. What the language stage can hope for."""
    right = []
    for start in range(0, len(pictures.images_NHWC), 250):
        batch = slice(start, start + 250)
        patches_BPD = model.model.vision_tower(to_pixel_values(pictures.images_NHWC[batch])).last_hidden_state[:, 1:]
        right.append((heads(patches_BPD)[0].numpy() > 0) == pictures.answers_NQ[batch])
    return np.concatenate(right).mean(axis=0)


@torch.inference_mode()
def shuffled_features(model: InternVLForConditionalGeneration, images_NHWC: np.ndarray) -> torch.Tensor:
    """What the frozen tower gives to the projector: `features_NTF`, kept in float16 to save memory."""
    features = []
    progress = Progress("features", len(images_NHWC))
    for start in range(0, len(images_NHWC), 250):
        pixels_BCHW = to_pixel_values(images_NHWC[start : start + 250])
        with torch.autocast("cpu", torch.bfloat16):
            patches_BPD = model.model.vision_tower(pixels_BCHW).last_hidden_state[:, 1:]
        side = int(patches_BPD.shape[1] ** 0.5)
        grid_BHWD = patches_BPD.float().unflatten(1, (side, side))
        features.append(model.model.pixel_shuffle(grid_BHWD, scale_factor=0.5).flatten(1, 2).half())
        progress.update(start + len(pixels_BCHW))
    return torch.cat(features)
