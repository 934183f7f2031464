"""Small checkpoints with random weights, a family a file, and the plain Hugging Face answers of any checkpoint."""

from tests.support.checkpoints.gemma3 import build_gemma3
from tests.support.checkpoints.internvl import build_internvl
from tests.support.checkpoints.lfm2_vl import build_lfm2_vl
from tests.support.checkpoints.llava import build_llava
from tests.support.checkpoints.llava_onevision import build_llava_onevision
from tests.support.checkpoints.mistral3 import build_mistral3
from tests.support.checkpoints.qwen_vl import build_qwen2_5_vl, build_qwen3_vl
from tests.support.checkpoints.shared import PROMPT, QUESTIONS, hf_answers
from tests.support.checkpoints.smolvlm import build_smolvlm

__all__ = [
    "PROMPT",
    "QUESTIONS",
    "build_gemma3",
    "build_internvl",
    "build_lfm2_vl",
    "build_llava",
    "build_llava_onevision",
    "build_mistral3",
    "build_qwen2_5_vl",
    "build_qwen3_vl",
    "build_smolvlm",
    "hf_answers",
]
