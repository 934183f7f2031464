"""InternVL: an image is cut into square tiles, each becomes a few tokens by a pixel shuffle."""

from __future__ import annotations

from pathlib import Path

from transformers import (
    GotOcr2ImageProcessor,
    InternVLConfig,
    InternVLForConditionalGeneration,
    InternVLProcessor,
    InternVLVideoProcessor,
)

from tests.support.checkpoints.shared import TEXT, TILE, VISION, qwen_chat_template, qwen_tokenizer, save, text_ids

_IMAGE_TOKENS = 4


def build_internvl(folder: Path, *, max_tiles: int = 4, seed: int = 0) -> Path:
    """Save an `InternVLForConditionalGeneration` with a Qwen2 text model; it cuts images into at most `max_tiles`."""
    tokenizer = qwen_tokenizer(
        {
            "start_image_token": "<img>",
            "end_image_token": "</img>",
            "context_image_token": "<IMG_CONTEXT>",
            "video_token": "<video>",
        }
    )
    processor = InternVLProcessor(
        image_processor=GotOcr2ImageProcessor(
            size={"height": TILE, "width": TILE}, crop_to_patches=True, min_patches=1, max_patches=max_tiles
        ),
        tokenizer=tokenizer,
        video_processor=InternVLVideoProcessor(size={"height": TILE, "width": TILE}),
        image_seq_length=_IMAGE_TOKENS,
        chat_template=qwen_chat_template("<IMG_CONTEXT>\n"),
    )
    config = InternVLConfig(
        vision_config={**VISION, "attention_bias": True, "layer_scale_init_value": 1.0},
        text_config={**TEXT, **text_ids(tokenizer), "model_type": "qwen2", "tie_word_embeddings": True},
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=_IMAGE_TOKENS,
        tie_word_embeddings=True,
    )
    return save(folder, InternVLForConditionalGeneration, config, processor, seed=seed)
