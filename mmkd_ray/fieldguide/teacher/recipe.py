"""All hyperparameters of the teacher: sizes of the model, amounts of data, steps and learning rates."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recipe:
    """The teacher's recipe; counted in steps, never in seconds, so that it is the same on every machine."""

    seed: int = 0
    """Seed of the pictures, the initial weights and the order of the data."""

    train_pictures: int = 40_000
    """Random birds that are drawn for training."""

    heldout_pictures: int = 2_000
    """Random birds, none of them trained on, that accuracy is measured on."""

    vision_width: int = 160
    vision_layers: int = 4
    vision_heads: int = 5
    vision_steps: int = 1_000
    vision_batch: int = 64
    vision_muon_rate: float = 0.02
    vision_adam_rate: float = 0.002
    part_weight: float = 4.0
    """Weight of the loss for the parts in each patch, relative to the loss for the answers about the whole picture."""

    text_width: int = 128
    text_layers: int = 3
    text_heads: int = 4
    text_key_value_heads: int = 2
    text_mlp: int = 384
    canonical_steps: int = 300
    """Steps with only canonical wordings; paraphrases are used after them."""

    language_steps: int = 1_250
    """Steps of the language stage, those with canonical wordings included."""

    balanced_steps: int = 900
    """Steps in which the answers Yes and No are equally frequent, so that rare Yes answers are learnt; in the later
    steps they are as frequent as in the pictures, so that P(yes) is calibrated."""

    language_batch: int = 48
    """Pictures per step of the language stage."""

    questions_per_picture: int = 16
    """Questions asked about each picture in a step; the picture's part of the prompt is computed once."""

    language_muon_rate: float = 0.02
    language_adam_rate: float = 0.003
