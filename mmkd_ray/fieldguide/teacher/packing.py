"""Ask many questions about a picture, computing their shared prefix once.

Every prompt is [user] [image tokens] question [assistant]. The part up to the image's end is computed once per picture;
its keys and values are reused for each question about the picture. The answers are the same as with whole prompts.
Shapes: B pictures, K questions of a picture, L tokens of a padded question, R = B x K prompts, T image tokens, D width,
V vocabulary.
"""

from dataclasses import dataclass

import torch
from transformers import DynamicCache, InternVLForConditionalGeneration, PreTrainedTokenizerFast

from mmkd_ray.fieldguide.teacher.words import ASSISTANT, IMAGE_SPECIALS, USER


@dataclass(frozen=True, slots=True)
class Wordings:
    """W tokenized wordings, padded to one length: `tokens_WL`, and the place of the last token of each, `last_W`."""

    tokens_WL: torch.Tensor
    last_W: torch.Tensor


def tokenize(tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> Wordings:
    """Tokenize questions, each followed by the token that asks for an answer."""
    rows = [tokenizer.encode(text + ASSISTANT, add_special_tokens=False) for text in texts]
    length = max(len(row) for row in rows)
    padded = [row + [tokenizer.pad_token_id] * (length - len(row)) for row in rows]
    return Wordings(torch.tensor(padded), torch.tensor([len(row) - 1 for row in rows]))


class SharedPrefix:
    """Asks a model K questions about each picture, computing the picture's part of the prompt once."""

    def __init__(self, model: InternVLForConditionalGeneration, tokenizer: PreTrainedTokenizerFast) -> None:
        self._model = model
        before = USER + IMAGE_SPECIALS["start_image_token"]
        self._before = torch.tensor(tokenizer.encode(before, add_special_tokens=False))
        after = IMAGE_SPECIALS["end_image_token"]
        self._after = torch.tensor(tokenizer.encode(after, add_special_tokens=False))

    def answer_logits(self, image_BTD: torch.Tensor, wordings: Wordings, asked_BK: torch.Tensor) -> torch.Tensor:
        """`logits_BKV` of the answer token of the wordings `asked_BK` (row numbers of `wordings`)."""
        asked_R = asked_BK.flatten()
        last_R = wordings.last_W[asked_R]
        tokens_RL = wordings.tokens_WL[asked_R, : int(last_R.max()) + 1]
        cache = self._prefix(image_BTD)
        cache.batch_repeat_interleave(asked_BK.shape[1])
        # Padding comes after the token that is read, so the causal mask is enough to exclude it.
        hidden_RLD = self._model.model.language_model(
            input_ids=tokens_RL, past_key_values=cache, use_cache=True
        ).last_hidden_state
        last_RD = hidden_RLD[torch.arange(len(asked_R)), last_R]
        return self._model.lm_head(last_RD).unflatten(0, tuple(asked_BK.shape))

    def _prefix(self, image_BTD: torch.Tensor) -> DynamicCache:
        language = self._model.model.language_model
        embed = language.get_input_embeddings()
        batch = len(image_BTD)
        parts = [embed(self._before).expand(batch, -1, -1), image_BTD, embed(self._after).expand(batch, -1, -1)]
        cache = DynamicCache(config=language.config)
        language(inputs_embeds=torch.cat(parts, dim=1).to(image_BTD.dtype), past_key_values=cache, use_cache=True)
        return cache
