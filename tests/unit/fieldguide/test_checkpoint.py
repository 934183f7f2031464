"""The shipped teacher: small, documented, and right about birds it has not seen."""

import re

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoProcessor, InternVLForConditionalGeneration

from mmkd_ray.fieldguide import QUESTIONS, answers, checkpoint_path
from mmkd_ray.fieldguide.render import render
from mmkd_ray.fieldguide.traits import random_picture

MAX_BYTES = 8 * 1024**2


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """Beside other work, two threads that wait for each other are slower than one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def processor():
    return AutoProcessor.from_pretrained(checkpoint_path())


@pytest.fixture(scope="module")
def model():
    return InternVLForConditionalGeneration.from_pretrained(checkpoint_path()).eval()


def _prompt(processor, text: str) -> str:
    content = [{"type": "image"}, {"type": "text", "text": text}]
    return processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)


def test_is_at_most_8_mb():
    assert sum(file.stat().st_size for file in checkpoint_path().iterdir()) <= MAX_BYTES


def test_card_states_the_accuracy_of_every_question():
    card = (checkpoint_path() / "README.md").read_text()
    rows = dict(re.findall(r"^\| (\w+) \| [\d.]+ \| ([\d.]+) \|", card, flags=re.MULTILINE))
    assert rows.keys() == {question.id for question in QUESTIONS}
    accuracies = [float(value) for value in rows.values()]
    assert np.mean(accuracies) >= 0.96
    assert min(accuracies) >= 0.85


def test_yes_and_no_are_single_tokens(processor):
    for word in ("Yes", "No"):
        assert len(processor.tokenizer.encode(word, add_special_tokens=False)) == 1


def test_prompt_puts_the_image_first(processor):
    prompt = _prompt(processor, "Does the bird have a crest?")
    assert prompt == "<|user|><IMG_CONTEXT>Does the bird have a crest?<|assistant|>"


def test_computes_in_float32(model):
    assert model.dtype == torch.float32


def test_answers_about_fresh_birds(processor, model):
    yes, no = (processor.tokenizer.encode(word, add_special_tokens=False)[0] for word in ("Yes", "No"))
    prompts = [_prompt(processor, question.text) for question in QUESTIONS]
    right, mass = [], []
    for number in range(16):
        picture = random_picture(np.random.default_rng([2026, number]))
        image = Image.fromarray(render(picture))
        inputs = processor(
            images=[image] * len(prompts), text=prompts, padding=True, padding_side="left", return_tensors="pt"
        )
        with torch.inference_mode():
            probabilities_QV = model(**inputs).logits[:, -1].softmax(dim=-1)
        truth = np.array(list(answers(picture).values()))
        right.append((probabilities_QV[:, yes] > probabilities_QV[:, no]).numpy() == truth)
        mass.append((probabilities_QV[:, yes] + probabilities_QV[:, no]).min().item())
    assert np.mean(right) > 0.93
    assert min(mass) > 0.99
