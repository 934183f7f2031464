"""What the families share: sizes, tokenizer, weights that make a difference, and the reference's answers.

A checkpoint is saved as a published model is (config, weights, tokenizer, processor, chat template), so everything that
reads a real checkpoint reads these. The weights are large on purpose: with the usual initialisation P(yes) is the same
constant for every image and question, and a comparison of constants shows nothing.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    AutoModelForImageTextToText,
    AutoProcessor,
    PreTrainedModel,
    Qwen2Tokenizer,
    TokenizersBackend,
)

from mmkd_ray.answers.probability import Answers

QUESTIONS = (
    "Does the bird have a crest?",
    "Is the bird standing on a branch?",
    "Are there bars on its wings?",
    "Is the beak long?",
    "Is the picture taken at night?",
)
PROMPT = "{question} The answer must always be either Yes or No (do not provide any other response)."

TILE = 32
"""Side in pixels of what the vision towers see at once."""
TEXT = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 1024,
}
"""Heads of 32: the smallest that vLLM's attention on a CPU accepts."""
VISION = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": TILE,
    "patch_size": 8,
}
"""16 patches a tile: 4 image tokens where a family then joins 2 x 2 patches."""
TOWER = {"vision_tower.": "vision_tower.vision_model."}
"""What published models call the weights of a CLIP or SigLIP tower. Transformers 5 reads both names and writes the
shorter ones, which vLLM 0.32 does not know.
"""
_EMBEDDING_STD = 0.3
"""Less than what attention adds: the last token, always the same, would decide the answer alone otherwise."""
_LOGIT_SPREAD = 1.5
"""Standard deviation that the logits are given: P(yes) then uses most of its range."""


def hf_answers(folder: Path, images: Sequence[bytes], questions: Sequence[str], prompt: str = PROMPT) -> Answers:
    """The reference: one prompt at a time through the processor and the model of transformers, in float32."""
    processor = AutoProcessor.from_pretrained(folder)
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
    yes, no = (processor.tokenizer.convert_tokens_to_ids(answer) for answer in ("Yes", "No"))
    log_p_NQA = np.zeros((len(images), len(questions), 2), dtype=np.float32)
    for row, encoded in enumerate(images):
        with Image.open(io.BytesIO(encoded)) as opened:
            image = opened.convert("RGB")
        for column, question in enumerate(questions):
            text = prompt.replace("{question}", question)
            content = [{"type": "image", "image": image}, {"type": "text", "text": text}]
            inputs = processor.apply_chat_template(
                [{"role": "user", "content": content}],
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
            )
            with torch.inference_mode():
                log_p_V = torch.log_softmax(model(**inputs).logits[0, -1].float(), dim=-1)
            log_p_NQA[row, column] = [log_p_V[yes].item(), log_p_V[no].item()]
    return Answers(log_p_yes_NQ=log_p_NQA[..., 0], log_p_no_NQ=log_p_NQA[..., 1])


def byte_level_bpe(special: list[str], sentences: Sequence[str] = ()) -> Tokenizer:
    """A tokenizer that writes any text, with "Yes" and "No" as one token each; trained on `sentences`, too."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*QUESTIONS, PROMPT, *["Yes", "No"] * 50, *sentences], trainer)
    return tokenizer


def qwen_tokenizer(special: dict[str, str]) -> Qwen2Tokenizer:
    """The tokenizer of every family with a Qwen text model; the special tokens become its attributes."""
    return Qwen2Tokenizer(
        tokenizer_object=byte_level_bpe(["<|im_end|>", "<|im_start|>", *special.values()]),
        pad_token="<|im_end|>",
        eos_token="<|im_end|>",
        unk_token=None,
        extra_special_tokens=special,
    )


def llama_tokenizer(first: str, last: str, special: Sequence[str] | Mapping[str, str]) -> TokenizersBackend:
    """A tokenizer that writes a first token itself, as Llama's does, even if the chat template has written it."""
    names = list(special.values()) if isinstance(special, Mapping) else list(special)
    bpe = byte_level_bpe(["<pad>", first, last, *names])
    bpe.post_processor = processors.TemplateProcessing(
        single=f"{first} $A", special_tokens=[(first, bpe.token_to_id(first))]
    )
    return TokenizersBackend(
        tokenizer_object=bpe, bos_token=first, pad_token="<pad>", eos_token=last, extra_special_tokens=special
    )


def chat_template(before: str, image: str, after: str) -> str:
    """Image and text in the order of the message's content, as published templates have it."""
    content = (
        "{% for part in message['content'] %}{% if part['type'] == 'image' %}"
        + image
        + "{% else %}{{ part['text'] }}{% endif %}{% endfor %}"
    )
    return "{% for message in messages %}" + before + content + "{% endfor %}" + after


def qwen_chat_template(image: str) -> str:
    """The turns of a chat with a Qwen text model."""
    return chat_template("<|im_start|>user\n", image, "<|im_end|>\n<|im_start|>assistant{{ '\\n' }}")


def text_ids(tokenizer: Any) -> dict[str, Any]:
    """What the text model's config says of the tokenizer."""
    return {
        "vocab_size": len(tokenizer),
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "bos_token_id": None,
    }


def save(
    folder: Path,
    model_class: type[PreTrainedModel],
    config: Any,
    processor: Any,
    *,
    seed: int,
    published: Mapping[str, str] | None = None,
) -> Path:
    """Save model and processor as a checkpoint.

    `seed` draws the weights; each family has one of its own with which the answers differ enough. `published` gives,
    for the beginning of a weight's name as transformers 5 writes it, the one in published models.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = model_class(config).float().eval()
        _draw_large_weights(model)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    for written, name in (published or {}).items():
        _rename_weights(folder / "model.safetensors", written, name)
    return folder


def _rename_weights(file: Path, old: str, new: str) -> None:
    weights = load_file(file)
    save_file(
        {new + name.removeprefix(old) if name.startswith(old) else name: value for name, value in weights.items()},
        file,
        metadata={"format": "pt"},
    )


def _draw_large_weights(model: PreTrainedModel) -> None:
    """Matrices that keep the scale of what passes through them, instead of the usual 0.02.

    Where queries and keys are normalised, the gain makes up for it: attention that looks at everything alike sees
    the same in every image.
    """
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if any(part in name for part in ("q_norm", "k_norm")):
                weight.add_(1)
            elif any(part in name for part in ("norm", "ln_", "lambda")):
                continue
            elif name.endswith("bias"):
                weight.normal_(std=0.1)
            elif weight.ndim == 1 or ("embed" in name and weight.ndim < 4):
                weight.normal_(std=_EMBEDDING_STD)
            else:
                weight.normal_(std=2 * weight[0].numel() ** -0.5)
        head = model.get_output_embeddings().weight
        head.mul_(_LOGIT_SPREAD * head.shape[1] ** -0.5 / head.std())
