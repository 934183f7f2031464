"""SmolVLM (Idefics3): an image is cut into tiles that the prompt names by row and column."""

from __future__ import annotations

from pathlib import Path

from transformers import (
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessor,
    Idefics3Processor,
    TokenizersBackend,
)

from tests.support.checkpoints.shared import TEXT, TILE, VISION, chat_template, llama_tokenizer, save, text_ids


def build_smolvlm(folder: Path, *, seed: int = 0) -> Path:
    """Save an `Idefics3ForConditionalGeneration`, the architecture of SmolVLM (vLLM's SmolVLM2 class is a copy of it).

    SmolVLM2's own processor needs the package num2words, for its videos, and is not used for that reason.
    """
    tokenizer = _tokenizer()
    processor = Idefics3Processor(
        image_processor=Idefics3ImageProcessor(
            size={"longest_edge": 2 * TILE}, max_image_size={"longest_edge": TILE}, do_image_splitting=True
        ),
        tokenizer=tokenizer,
        image_seq_len=4,
        chat_template=chat_template("<|im_start|>User:", "<image>", "<end_of_utterance>\nAssistant:"),
    )
    config = Idefics3Config(
        vision_config=VISION,
        text_config={**TEXT, **text_ids(tokenizer), "model_type": "llama"},
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        pad_token_id=None,
        scale_factor=2,
        tie_word_embeddings=False,
    )
    return save(folder, Idefics3ForConditionalGeneration, config, processor, seed=seed)


def _tokenizer() -> TokenizersBackend:
    tiles = [f"<row_{row}_col_{column}>" for row in range(1, 3) for column in range(1, 3)]
    image = ["<image>", "<fake_token_around_image>", "<global-img>", *tiles]
    return llama_tokenizer("<|im_start|>", "<end_of_utterance>", image)
