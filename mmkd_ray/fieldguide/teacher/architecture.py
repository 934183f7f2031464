"""The teacher's architecture: a very small InternVL, as implemented in transformers."""

from typing import Final

import torch
from transformers import (
    AutoModelForImageTextToText,
    InternVLConfig,
    InternVLForConditionalGeneration,
    InternVLVisionConfig,
    Qwen2Config,
)

from mmkd_ray.fieldguide.canvas import IMAGE_SIZE
from mmkd_ray.fieldguide.teacher.pictures import PATCH_SIZE, PATCHES_PER_SIDE
from mmkd_ray.fieldguide.teacher.recipe import Recipe

IMAGE_TOKENS: Final = (PATCHES_PER_SIDE // 2) ** 2
"""Pixel shuffle by 0.5 makes one token of four patches."""

MAX_POSITIONS: Final = 512


def build_model(
    recipe: Recipe, *, vocab_size: int, image_token_id: int, end_id: int
) -> InternVLForConditionalGeneration:
    """A model with random weights, from torch's global generator."""
    vision = InternVLVisionConfig(
        hidden_size=recipe.vision_width,
        num_hidden_layers=recipe.vision_layers,
        num_attention_heads=recipe.vision_heads,
        intermediate_size=4 * recipe.vision_width,
        image_size=IMAGE_SIZE,
        patch_size=PATCH_SIZE,
        attention_bias=True,
        layer_scale_init_value=1.0,
    )
    text = Qwen2Config(
        vocab_size=vocab_size,
        hidden_size=recipe.text_width,
        num_hidden_layers=recipe.text_layers,
        num_attention_heads=recipe.text_heads,
        num_key_value_heads=recipe.text_key_value_heads,
        intermediate_size=recipe.text_mlp,
        max_position_embeddings=MAX_POSITIONS,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=end_id,
        pad_token_id=end_id,
    )
    config = InternVLConfig(
        vision_config=vision,
        text_config=text,
        image_token_id=image_token_id,
        image_seq_length=IMAGE_TOKENS,
        downsample_ratio=0.5,
        tie_word_embeddings=True,
    )
    # Plain matrix products: torch's fused attention has no fast bfloat16 backward pass on CPUs.
    model = AutoModelForImageTextToText.from_config(config, attn_implementation="eager")
    with torch.no_grad():
        for parameter in (
            model.model.vision_tower.embeddings.position_embeddings,
            model.model.vision_tower.embeddings.cls_token,
        ):
            torch.nn.init.normal_(parameter, std=0.02)
    return model
