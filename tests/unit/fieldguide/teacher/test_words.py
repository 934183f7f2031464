"""The tokenizer and the chat template."""

from mmkd_ray.fieldguide import QUESTIONS
from mmkd_ray.fieldguide.teacher.words import answer_ids, build_processor, build_tokenizer


def test_tokenizer_is_the_same_each_time():
    assert build_tokenizer().get_vocab() == build_tokenizer().get_vocab()


def test_answers_are_two_different_tokens():
    yes, no = answer_ids(build_tokenizer())
    assert yes != no


def test_wordings_survive_the_round_trip():
    tokenizer = build_tokenizer()
    for question in QUESTIONS:
        for wording in (question.text, question.held_out):
            assert tokenizer.decode(tokenizer.encode(wording)) == wording


def test_the_image_comes_first_in_any_order_of_the_message():
    processor = build_processor(build_tokenizer())
    image, text = {"type": "image"}, {"type": "text", "text": "Is the bird flying?"}
    prompts = {
        processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
        for content in ([image, text], [text, image])
    }
    assert prompts == {"<|user|><IMG_CONTEXT>Is the bird flying?<|assistant|>"}
