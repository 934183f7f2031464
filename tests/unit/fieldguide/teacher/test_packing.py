"""Two routes, one answer: the shared prefix against whole prompts through the processor."""

import numpy as np
import pytest
import torch
from PIL import Image

from mmkd_ray.fieldguide import QUESTIONS
from mmkd_ray.fieldguide.render import render
from mmkd_ray.fieldguide.teacher.accuracy import p_yes
from mmkd_ray.fieldguide.teacher.architecture import build_model
from mmkd_ray.fieldguide.teacher.pictures import Pictures
from mmkd_ray.fieldguide.teacher.recipe import Recipe
from mmkd_ray.fieldguide.teacher.words import answer_ids, build_processor, build_tokenizer
from mmkd_ray.fieldguide.traits import random_picture


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer()


@pytest.fixture(scope="module")
def model(tokenizer):
    torch.manual_seed(3)
    fresh = build_model(
        Recipe(),
        vocab_size=len(tokenizer),
        image_token_id=tokenizer.context_image_token_id,
        end_id=tokenizer.eos_token_id,
    )
    return fresh.eval()


def test_shared_prefix_gives_the_answers_of_whole_prompts(tokenizer, model):
    image_HWC = render(random_picture(np.random.default_rng(8)))
    texts = [question.text for question in QUESTIONS[::18]]
    pictures = Pictures(image_HWC[None], np.zeros((1, len(QUESTIONS)), dtype=bool), None)
    with torch.inference_mode():
        shared_NQ, _ = p_yes(model, tokenizer, pictures, texts)

    processor = build_processor(tokenizer)
    yes, no = answer_ids(tokenizer)
    for number, text in enumerate(texts):
        content = [{"type": "image"}, {"type": "text", "text": text}]
        prompt = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
        inputs = processor(images=[Image.fromarray(image_HWC)], text=[prompt], return_tensors="pt")
        with torch.inference_mode():
            logits_V = model(**inputs).logits[0, -1]
        whole = torch.sigmoid(logits_V[yes] - logits_V[no]).item()
        assert shared_NQ[0, number] == pytest.approx(whole, abs=1e-5)
