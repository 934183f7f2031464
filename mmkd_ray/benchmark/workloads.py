"""What is asked in a benchmark of extraction: two teachers, pictures, questions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmkd_ray import fieldguide

PROMPT = "{question} The answer must always be either Yes or No (do not provide any other response)."
BARE_QUESTION = "{question}"
_SIDE, _PATCH = 256, 8
_IMAGE_TOKENS = (_SIDE // _PATCH // 2) ** 2
"""256, as of a tile of InternVL: pixel shuffle makes one token of four patches."""
_MAX_POSITIONS = 1024


@dataclass(frozen=True)
class Workload:
    """A teacher and how much it is asked."""

    name: str
    model: str
    """`fieldguide`, or the folder of a checkpoint."""
    prompt: str
    images: int
    """Images of a round on one core."""
    batch_size: int
    pairs_one_by_one: int
    """Image-question pairs that the slow way is given in a round."""


def small_teacher() -> Workload:
    """The shipped teacher, 16 tokens an image: the overhead of requests rules."""
    return Workload("small teacher", "fieldguide", BARE_QUESTION, 256, 16, 60)


def prefill_heavy(folder: Path) -> Workload:
    """A random InternVL, 256 tokens an image and a language part in which prefill rules."""
    return Workload("prefill-heavy", str(build_prefill_heavy(folder)), PROMPT, 16, 2, 60)


def questions(count: int) -> list[str]:
    """So many of the field guide's questions, their paraphrases after them."""
    texts = [question.text for question in fieldguide.QUESTIONS]
    texts += [paraphrase for question in fieldguide.QUESTIONS for paraphrase in question.paraphrases]
    return list(dict.fromkeys(texts))[:count]


def pictures(count: int) -> list[bytes]:
    """So many different pictures of the field guide, PNG."""
    species = len(fieldguide.make_species(0))
    drawn = fieldguide.images(species_seed=0, seed=1, per_class={"train": -(-count // species)})
    return [image.png for image, _ in zip(drawn, range(count), strict=False)]


def build_prefill_heavy(folder: Path) -> Path:
    """Save the random InternVL, 6 M parameters in its language part; tokenizer and template are the shipped one's."""
    import torch  # noqa: PLC0415 (seconds)
    from transformers import AutoProcessor, InternVLConfig, InternVLForConditionalGeneration  # noqa: PLC0415

    processor: Any = AutoProcessor.from_pretrained(fieldguide.checkpoint_path())
    processor.image_seq_length = _IMAGE_TOKENS
    processor.image_processor.size = {"height": _SIDE, "width": _SIDE}
    processor.tokenizer.model_max_length = _MAX_POSITIONS
    config = InternVLConfig(
        vision_config={
            "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2,
            "image_size": _SIDE, "patch_size": _PATCH, "attention_bias": True,
        },
        text_config={
            "model_type": "qwen2", "hidden_size": 256, "intermediate_size": 1024, "num_hidden_layers": 6,
            "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": _MAX_POSITIONS,
            "vocab_size": len(processor.tokenizer), "tie_word_embeddings": True, "bos_token_id": None,
            "eos_token_id": processor.tokenizer.eos_token_id, "pad_token_id": processor.tokenizer.pad_token_id,
        },
        image_token_id=processor.image_token_id,
        image_seq_length=_IMAGE_TOKENS,
        tie_word_embeddings=True,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = InternVLForConditionalGeneration(config).float().eval()
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
