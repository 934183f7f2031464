"""Mistral 3: a Pixtral tower; an image keeps its proportions and every row of its tokens ends with one of its own."""

from __future__ import annotations

from pathlib import Path

from transformers import (
    Mistral3Config,
    Mistral3ForConditionalGeneration,
    PixtralImageProcessor,
    PixtralProcessor,
)

from tests.support.checkpoints.shared import TEXT, TILE, VISION, chat_template, llama_tokenizer, save, text_ids


def build_mistral3(folder: Path, *, seed: int = 7) -> Path:
    """Save a `Mistral3ForConditionalGeneration` that sees at most 4 x 4 tokens of 16 x 16 pixels."""
    tokenizer = llama_tokenizer("<s>", "</s>", ["[INST]", "[/INST]", "[IMG]", "[IMG_BREAK]", "[IMG_END]"])
    processor = PixtralProcessor(
        image_processor=PixtralImageProcessor(size={"longest_edge": 2 * TILE}, patch_size=8),
        tokenizer=tokenizer,
        patch_size=8,
        spatial_merge_size=2,
        chat_template=chat_template("<s>[INST]", "[IMG]", "[/INST]"),
    )
    config = Mistral3Config(
        vision_config={**VISION, "image_size": 2 * TILE, "model_type": "pixtral"},
        text_config={**TEXT, **text_ids(tokenizer), "head_dim": 32, "model_type": "mistral", "sliding_window": None},
        image_token_index=tokenizer.convert_tokens_to_ids("[IMG]"),
        spatial_merge_size=2,
        tie_word_embeddings=False,
    )
    return save(folder, Mistral3ForConditionalGeneration, config, processor, seed=seed)
