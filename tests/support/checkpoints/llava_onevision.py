"""LLaVA-OneVision: an image is seen whole and, enlarged, in tiles whose padding is cut off again afterwards."""

from __future__ import annotations

from pathlib import Path

from transformers import (
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
    LlavaOnevisionImageProcessor,
    LlavaOnevisionProcessor,
    LlavaOnevisionVideoProcessor,
)

from tests.support.checkpoints.shared import (
    TEXT,
    TILE,
    TOWER,
    VISION,
    qwen_chat_template,
    qwen_tokenizer,
    save,
    text_ids,
)

_PATCH = 16
_GRIDS = [[rows * TILE, columns * TILE] for rows in (1, 2) for columns in (1, 2)]


def build_llava_onevision(folder: Path, *, seed: int = 4) -> Path:
    """Save a `LlavaOnevisionForConditionalGeneration` of a SigLIP tower and a Qwen2 text model."""
    tokenizer = qwen_tokenizer({"image_token": "<image>", "video_token": "<video>"})
    size = {"height": TILE, "width": TILE}
    processor = LlavaOnevisionProcessor(
        image_processor=LlavaOnevisionImageProcessor(size=size, image_grid_pinpoints=_GRIDS),
        tokenizer=tokenizer,
        video_processor=LlavaOnevisionVideoProcessor(size=size),
        num_image_tokens=(TILE // _PATCH) ** 2,
        vision_feature_select_strategy="full",
        chat_template=qwen_chat_template("<image>\n"),
    )
    config = LlavaOnevisionConfig(
        vision_config={
            **VISION,
            "patch_size": _PATCH,
            "model_type": "siglip_vision_model",
            "vision_use_head": False,
        },
        text_config={**TEXT, **text_ids(tokenizer), "model_type": "qwen2"},
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        video_token_index=tokenizer.convert_tokens_to_ids("<video>"),
        image_grid_pinpoints=_GRIDS,
    )
    return save(folder, LlavaOnevisionForConditionalGeneration, config, processor, seed=seed, published=TOWER)
