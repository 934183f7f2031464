"""LLaVA 1.5: the middle of an image, seen by a CLIP tower; its prompt leaves the first token to the tokenizer."""

from __future__ import annotations

from pathlib import Path

from transformers import (
    CLIPImageProcessor,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
)

from tests.support.checkpoints.shared import (
    TEXT,
    TILE,
    TOWER,
    VISION,
    chat_template,
    llama_tokenizer,
    save,
    text_ids,
)

_PATCH = 16
_TOKENS = (TILE // _PATCH) ** 2


def build_llava(folder: Path, *, seed: int = 0) -> Path:
    """Save a `LlavaForConditionalGeneration`; it leaves out the vision tower's last layer and class token."""
    tokenizer = llama_tokenizer("<s>", "</s>", ["<image>"])
    processor = LlavaProcessor(
        image_processor=CLIPImageProcessor(size={"shortest_edge": TILE}, crop_size={"height": TILE, "width": TILE}),
        tokenizer=tokenizer,
        patch_size=_PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=chat_template("USER: ", "<image>\n", " ASSISTANT:"),
    )
    config = LlavaConfig(
        vision_config={
            **VISION,
            "patch_size": _PATCH,
            "num_hidden_layers": 3,
            "projection_dim": 64,
            "model_type": "clip_vision_model",
        },
        text_config={**TEXT, **text_ids(tokenizer), "model_type": "llama"},
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=_TOKENS,
    )
    return save(folder, LlavaForConditionalGeneration, config, processor, seed=seed, published=TOWER)
