"""Gemma 3 with its vision tower: every image becomes the same number of tokens, between blank lines."""

from __future__ import annotations

from pathlib import Path

from transformers import (
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma3ImageProcessor,
    Gemma3Processor,
    TokenizersBackend,
)

from tests.support.checkpoints.shared import TEXT, TILE, TOWER, VISION, chat_template, llama_tokenizer, save, text_ids


def build_gemma3(folder: Path, *, image_tokens: int = 1, seed: int = 12) -> Path:
    """Save a `Gemma3ForConditionalGeneration` of one text layer with a sliding window and one without.

    One token an image, because the tokens of an image see each other in this family and vLLM 0.32 does that on a GPU
    only: on a CPU they look back only, and P(yes) is off by 0.03 with 4 tokens and by 0.1 with 16.
    """
    tokenizer = _tokenizer()
    processor = Gemma3Processor(
        image_processor=Gemma3ImageProcessor(
            size={"height": TILE, "width": TILE}, image_mean=[0.5, 0.5, 0.5], image_std=[0.5, 0.5, 0.5]
        ),
        tokenizer=tokenizer,
        image_seq_length=image_tokens,
        chat_template=chat_template(
            "<bos><start_of_turn>user\n", "<start_of_image>", "<end_of_turn>\n<start_of_turn>model{{ '\\n' }}"
        ),
    )
    text = {
        **TEXT,
        **text_ids(tokenizer),
        "head_dim": 32,
        "query_pre_attn_scalar": 32,
        "sliding_window": 64,
        "layer_types": ["sliding_attention", "full_attention"],
    }
    config = Gemma3Config(
        vision_config={**VISION, "vision_use_head": False},
        text_config=text,
        mm_tokens_per_image=image_tokens,
        image_token_index=tokenizer.image_token_id,
        boi_token_index=tokenizer.boi_token_id,
        eoi_token_index=tokenizer.eoi_token_id,
    )
    return save(folder, Gemma3ForConditionalGeneration, config, processor, seed=seed, published=TOWER)


def _tokenizer() -> TokenizersBackend:
    """Blank lines are tokens, as in Gemma's: vLLM joins those around an image with those of the text."""
    image = {"image_token": "<image_soft_token>", "boi_token": "<start_of_image>", "eoi_token": "<end_of_image>"}
    turns = {"start_of_turn_token": "<start_of_turn>", "end_of_turn_token": "<end_of_turn>"}
    tokenizer = llama_tokenizer("<bos>", "<eos>", {**image, **turns})
    tokenizer.add_tokens(["\n" * count for count in (1, 2, 3, 4)])
    return tokenizer
