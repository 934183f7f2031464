"""Qwen2.5-VL and Qwen3-VL: no tiles, an image keeps its proportions and tokens have positions in two dimensions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import (
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2Tokenizer,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
)

from tests.support.checkpoints.shared import TEXT, TILE, qwen_chat_template, qwen_tokenizer, save, text_ids

_IMAGE = "<|vision_start|><|image_pad|><|vision_end|>"
_PIXELS = {"shortest_edge": TILE**2, "longest_edge": (2 * TILE) ** 2}
"""Least and most pixels of a resized image: 4 to 16 tokens of 16 x 16 pixels."""
_PATCHES = {"patch_size": 8, "temporal_patch_size": 2, "merge_size": 2}
_VISION = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "out_hidden_size": TEXT["hidden_size"],
    "depth": 2,
    "num_heads": 2,
    "patch_size": 8,
    "spatial_merge_size": 2,
    "temporal_patch_size": 2,
}


def build_qwen2_5_vl(folder: Path, *, seed: int = 0) -> Path:
    """Save a `Qwen2_5_VLForConditionalGeneration`; its first vision layer sees windows of 2 x 2 tokens, the second all.

    The 16 rotary frequencies of a head are divided among time, height and width.
    """
    tokenizer = _tokenizer()
    processor = Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(size=_PIXELS, **_PATCHES),
        tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(size=_PIXELS, **_PATCHES),
        chat_template=qwen_chat_template(_IMAGE),
    )
    rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [4, 6, 6]}
    config = Qwen2_5_VLConfig(
        vision_config={**_VISION, "window_size": TILE, "fullatt_block_indexes": [1]},
        text_config={**TEXT, **text_ids(tokenizer), "rope_parameters": rope},
        **_image_ids(tokenizer),
    )
    return save(folder, Qwen2_5_VLForConditionalGeneration, config, processor, seed=seed)


def build_qwen3_vl(folder: Path, *, seed: int = 7) -> Path:
    """Save a `Qwen3VLForConditionalGeneration`; what its first vision layer gives also enters the first text layer.

    The 16 rotary frequencies of a head go to time, height and width in turn. Learned positions, a grid of 4 x 4, are
    stretched over the image.
    """
    tokenizer = _tokenizer()
    processor = Qwen3VLProcessor(
        image_processor=Qwen2VLImageProcessor(
            size=_PIXELS, image_mean=[0.5, 0.5, 0.5], image_std=[0.5, 0.5, 0.5], **_PATCHES
        ),
        tokenizer=tokenizer,
        video_processor=Qwen3VLVideoProcessor(size=_PIXELS, **_PATCHES),
        chat_template=qwen_chat_template(_IMAGE),
    )
    rope = {"rope_type": "default", "rope_theta": 5e6, "mrope_section": [6, 5, 5], "mrope_interleaved": True}
    config = Qwen3VLConfig(
        vision_config={**_VISION, "num_position_embeddings": 16, "deepstack_visual_indexes": [0]},
        text_config={**TEXT, **text_ids(tokenizer), "head_dim": 32, "rope_parameters": rope},
        **_image_ids(tokenizer),
    )
    return save(folder, Qwen3VLForConditionalGeneration, config, processor, seed=seed)


def _tokenizer() -> Qwen2Tokenizer:
    return qwen_tokenizer(
        {
            "image_token": "<|image_pad|>",
            "video_token": "<|video_pad|>",
            "vision_start_token": "<|vision_start|>",
            "vision_end_token": "<|vision_end|>",
        }
    )


def _image_ids(tokenizer: Qwen2Tokenizer) -> dict[str, Any]:
    names = ("image_token", "video_token", "vision_start_token", "vision_end_token")
    return {f"{name}_id": getattr(tokenizer, f"{name}_id") for name in names}
