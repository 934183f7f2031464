"""Small checkpoints with random weights, of two families, and the plain Hugging Face answers of any checkpoint.

They are saved as a published model is (config, weights, tokenizer, processor, chat template), so everything that reads
a real checkpoint reads these. The weights are large on purpose: with the usual initialisation P(yes) is the same
constant for every image and question, and a comparison of constants shows nothing.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    AutoModelForImageTextToText,
    AutoProcessor,
    GotOcr2ImageProcessor,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessor,
    Idefics3Processor,
    InternVLConfig,
    InternVLForConditionalGeneration,
    InternVLProcessor,
    InternVLVideoProcessor,
    PreTrainedModel,
    Qwen2Tokenizer,
    TokenizersBackend,
)

from mmkd_ray.extract.engine import Answers

QUESTIONS = (
    "Does the bird have a crest?",
    "Is the bird standing on a branch?",
    "Are there bars on its wings?",
    "Is the beak long?",
    "Is the picture taken at night?",
)
PROMPT = "{question} The answer must always be either Yes or No (do not provide any other response)."

_TILE = 32
"""Side in pixels of what the vision towers see; 16 patches of 8 pixels, 4 image tokens after the pixel shuffle."""
_PATCH = 8
_IMAGE_TOKENS = 4
_TEXT = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 1024,
}
"""Heads of 32: the smallest that vLLM's attention on a CPU accepts."""
_VISION = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": _TILE,
    "patch_size": _PATCH,
}
_EMBEDDING_STD = 0.3
"""Less than what attention adds: the last token, always the same, would decide the answer alone otherwise."""
_LOGIT_SPREAD = 1.5
"""Standard deviation that the logits are given: P(yes) then uses most of its range."""


def build_internvl(folder: Path, *, max_tiles: int = 4, seed: int = 0) -> Path:
    """Save an `InternVLForConditionalGeneration` with a Qwen2 text model; it cuts images into at most `max_tiles`."""
    special = {
        "start_image_token": "<img>",
        "end_image_token": "</img>",
        "context_image_token": "<IMG_CONTEXT>",
        "video_token": "<video>",
    }
    bpe = _byte_level_bpe(["<|im_end|>", "<|im_start|>", *special.values()])
    tokenizer = Qwen2Tokenizer(
        tokenizer_object=bpe,
        pad_token="<|im_end|>",
        eos_token="<|im_end|>",
        unk_token=None,
        extra_special_tokens=special,
    )
    processor = InternVLProcessor(
        image_processor=GotOcr2ImageProcessor(
            size={"height": _TILE, "width": _TILE}, crop_to_patches=True, min_patches=1, max_patches=max_tiles
        ),
        tokenizer=tokenizer,
        video_processor=InternVLVideoProcessor(size={"height": _TILE, "width": _TILE}),
        image_seq_length=_IMAGE_TOKENS,
        chat_template=_chat_template(
            "<|im_start|>user\n", "<IMG_CONTEXT>\n", "<|im_end|>\n<|im_start|>assistant{{ '\\n' }}"
        ),
    )
    text = {**_TEXT, **_text_ids(tokenizer), "model_type": "qwen2", "tie_word_embeddings": True}
    config = InternVLConfig(
        vision_config={**_VISION, "attention_bias": True, "layer_scale_init_value": 1.0},
        text_config=text,
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=_IMAGE_TOKENS,
        tie_word_embeddings=True,
    )
    return _save(folder, InternVLForConditionalGeneration, config, processor, seed=seed)


def build_smolvlm(folder: Path, *, seed: int = 0) -> Path:
    """Save an `Idefics3ForConditionalGeneration`, the architecture of SmolVLM (vLLM's SmolVLM2 class is a copy of it).

    SmolVLM2's own processor needs the package num2words, for its videos, and is not used for that reason.
    """
    image_token, around, whole = "<image>", "<fake_token_around_image>", "<global-img>"
    tiles = [f"<row_{row}_col_{column}>" for row in range(1, 3) for column in range(1, 3)]
    special = ["<|im_end|>", "<|im_start|>", "<end_of_utterance>", image_token, around, whole, *tiles]
    bpe = _byte_level_bpe(special)
    # As Llama's: the tokenizer writes a first token, and so does the chat template. Only one may reach the model.
    bpe.post_processor = processors.TemplateProcessing(
        single="<|im_start|> $A", special_tokens=[("<|im_start|>", bpe.token_to_id("<|im_start|>"))]
    )
    tokenizer = TokenizersBackend(
        tokenizer_object=bpe,
        bos_token="<|im_start|>",
        pad_token="<|im_end|>",
        eos_token="<end_of_utterance>",
        extra_special_tokens=special[3:],
    )
    processor = Idefics3Processor(
        image_processor=Idefics3ImageProcessor(
            size={"longest_edge": 2 * _TILE}, max_image_size={"longest_edge": _TILE}, do_image_splitting=True
        ),
        tokenizer=tokenizer,
        image_seq_len=_IMAGE_TOKENS,
        chat_template=_chat_template("<|im_start|>User:", image_token, "<end_of_utterance>\nAssistant:"),
    )
    config = Idefics3Config(
        vision_config=_VISION,
        text_config={**_TEXT, **_text_ids(tokenizer), "model_type": "llama"},
        image_token_id=tokenizer.convert_tokens_to_ids(image_token),
        pad_token_id=None,
        scale_factor=2,
        tie_word_embeddings=False,
    )
    return _save(folder, Idefics3ForConditionalGeneration, config, processor, seed=seed)


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


def _byte_level_bpe(special: list[str]) -> Tokenizer:
    """A tokenizer that writes any text, with "Yes" and "No" as one token each."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    sentences = [*QUESTIONS, PROMPT, *["Yes", "No"] * 50]
    tokenizer.train_from_iterator(sentences, trainer)
    return tokenizer


def _chat_template(before: str, image: str, after: str) -> str:
    """Image and text in the order of the message's content, as published templates have it."""
    content = (
        "{% for part in message['content'] %}{% if part['type'] == 'image' %}"
        + image
        + "{% else %}{{ part['text'] }}{% endif %}{% endfor %}"
    )
    return "{% for message in messages %}" + before + content + "{% endfor %}" + after


def _text_ids(tokenizer: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "bos_token_id": None,
    }


def _save(folder: Path, model_class: type[PreTrainedModel], config: Any, processor: Any, *, seed: int) -> Path:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = model_class(config).float().eval()
        _draw_large_weights(model)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _draw_large_weights(model: PreTrainedModel) -> None:
    """Matrices that keep the scale of what passes through them, instead of the usual 0.02."""
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "norm" in name or "lambda" in name:
                continue
            if name.endswith("bias"):
                weight.normal_(std=0.1)
            elif "embed" in name and weight.ndim < 4:
                weight.normal_(std=_EMBEDDING_STD)
            else:
                weight.normal_(std=2 * weight[0].numel() ** -0.5)
        head = model.get_output_embeddings().weight
        head.mul_(_LOGIT_SPREAD * head.shape[1] ** -0.5 / head.std())
