"""The teacher's tokenizer, chat template and processor."""

from typing import Final

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GotOcr2ImageProcessor, InternVLProcessor, InternVLVideoProcessor, PreTrainedTokenizerFast

from mmkd_ray.fieldguide.canvas import IMAGE_SIZE
from mmkd_ray.fieldguide.questions import QUESTIONS
from mmkd_ray.fieldguide.teacher.architecture import IMAGE_TOKENS, MAX_POSITIONS

VOCAB_SIZE: Final = 640
"""Large enough that every word of the questions becomes one token."""

USER: Final = "<|user|>"
ASSISTANT: Final = "<|assistant|>"
END: Final = "<|end|>"
IMAGE_SPECIALS: Final = {
    "start_image_token": "<img>",
    "end_image_token": "</img>",
    "context_image_token": "<IMG_CONTEXT>",
    "video_token": "<video>",
}

# Images first, then texts, in whatever order they are in the message: so all questions about a picture share a prefix.
CHAT_TEMPLATE: Final = (
    "{%- for message in messages -%}"
    "{{- '<|' + message['role'] + '|>' -}}"
    "{%- if message['content'] is string -%}{{- message['content'] -}}{%- else -%}"
    "{%- for part in message['content'] if part['type'] == 'image' -%}{{- '<IMG_CONTEXT>' -}}{%- endfor -%}"
    "{%- for part in message['content'] if part['type'] == 'text' -%}{{- part['text'] -}}{%- endfor -%}"
    "{%- endif -%}"
    "{%- if message['role'] == 'assistant' -%}{{- '<|end|>' -}}{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"
)


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE trained on the wordings that the teacher learns; the held-out ones are not among them."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE,
        special_tokens=[END, USER, ASSISTANT, *IMAGE_SPECIALS.values()],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    wordings = [wording for question in QUESTIONS for wording in (question.text, *question.paraphrases)]
    # Repeated so often that "Yes" and "No" become one token each.
    bpe.train_from_iterator([*wordings, *["Yes", "No"] * len(wordings)], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token=END,
        pad_token=END,
        padding_side="left",
        model_max_length=MAX_POSITIONS,
        extra_special_tokens=IMAGE_SPECIALS,
        chat_template=CHAT_TEMPLATE,
    )


def build_processor(tokenizer: PreTrainedTokenizerFast) -> InternVLProcessor:
    """The processor: one tile of 64 x 64 pixels an image, scaled to -1 .. 1."""
    size = {"height": IMAGE_SIZE, "width": IMAGE_SIZE}
    scaling = {"size": size, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
    return InternVLProcessor(
        image_processor=GotOcr2ImageProcessor(min_patches=1, max_patches=1, **scaling),
        tokenizer=tokenizer,
        video_processor=InternVLVideoProcessor(**scaling),
        image_seq_length=IMAGE_TOKENS,
        chat_template=CHAT_TEMPLATE,
    )


def answer_ids(tokenizer: PreTrainedTokenizerFast) -> tuple[int, int]:
    """The tokens "Yes" and "No"."""
    (yes,) = tokenizer.encode("Yes", add_special_tokens=False)
    (no,) = tokenizer.encode("No", add_special_tokens=False)
    return yes, no
