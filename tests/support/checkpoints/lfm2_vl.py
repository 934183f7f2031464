"""LFM2-VL: short convolutions between layers of attention, and an image of any shape as one row of tokens."""

from __future__ import annotations

from pathlib import Path

from transformers import (
    Lfm2VlConfig,
    Lfm2VlForConditionalGeneration,
    Lfm2VlImageProcessor,
    Lfm2VlProcessor,
)

from tests.support.checkpoints.shared import TEXT, chat_template, llama_tokenizer, save, text_ids

_PATCH = 8
_TOWER = {"model.vision_tower.": "model.vision_tower.vision_model."}
"""See `TOWER` of the other families."""


def build_lfm2_vl(folder: Path, *, seed: int = 0) -> Path:
    """Save a `Lfm2VlForConditionalGeneration` of one convolution and one layer of attention."""
    image = {
        "image_token": "<image>",
        "image_start_token": "<|image_start|>",
        "image_end_token": "<|image_end|>",
        "image_thumbnail_token": "<|img_thumbnail|>",
    }
    tokenizer = llama_tokenizer("<|startoftext|>", "<|im_end|>", image)
    processor = Lfm2VlProcessor(
        Lfm2VlImageProcessor(
            encoder_patch_size=_PATCH, min_image_tokens=4, max_image_tokens=16, do_image_splitting=False, tile_size=64
        ),
        tokenizer,
        chat_template=chat_template("<|startoftext|>user\n", "<image>", "<|im_end|>\nassistant{{ '\\n' }}"),
    )
    config = Lfm2VlConfig(
        vision_config={
            "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2,
            "patch_size": _PATCH, "num_patches": 64, "vision_use_head": False,
        },
        text_config={
            **TEXT, **text_ids(tokenizer), "layer_types": ["conv", "full_attention"],
            "block_auto_adjust_ff_dim": False, "block_multiple_of": 32,
            # Published configurations have these, and vLLM asks for them.
            "conv_dim": 64, "conv_dim_out": 64, "block_dim": 64,
        },
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        projector_hidden_size=64,
        tie_word_embeddings=True,
    )  # fmt: skip
    return save(folder, Lfm2VlForConditionalGeneration, config, processor, seed=seed, published=_TOWER)
