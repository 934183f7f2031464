"""A small text model with random weights, saved as a published one is: what proposes questions, only worse."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from tests.support.checkpoints.shared import TEXT, qwen_tokenizer

POSITIONS = 2048
_TEMPLATE = (
    "{% for message in messages %}<|im_start|>user\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "<|im_start|>assistant{{ '\\n' }}"
)


def build_text_model(folder: Path) -> Path:
    """Save it; the same every time."""
    tokenizer = qwen_tokenizer({})
    tokenizer.chat_template = _TEMPLATE
    tokenizer.model_max_length = POSITIONS
    config = Qwen2Config(
        **TEXT | {"max_position_embeddings": POSITIONS},
        vocab_size=len(tokenizer),
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=True,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Qwen2ForCausalLM(config).float().eval()
        with torch.no_grad():
            # With the usual small weights every next token is nearly as likely as any other.
            for parameter in model.parameters():
                parameter.mul_(4)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
