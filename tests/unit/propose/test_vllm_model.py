import pytest

from mmkd_ray.config import VllmLlm
from mmkd_ray.errors import AspectError
from mmkd_ray.propose.language_model import load_model


def test_a_folder_without_a_checkpoint_is_named_before_anything_is_started(tmp_path):
    with pytest.raises(AspectError, match=r"aspects.llm.model: .* is not a checkpoint"):
        load_model(VllmLlm(kind="vllm", model=str(tmp_path)))
