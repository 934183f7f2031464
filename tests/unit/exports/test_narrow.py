import pytest
import torch

from mmkd_ray.artifacts import Folder
from mmkd_ray.config import StudentConfig
from mmkd_ray.exports import timm_folder
from mmkd_ray.exports.narrow import without_aspects
from mmkd_ray.students.bundle import load_bundle, write_card
from mmkd_ray.students.card import Card
from mmkd_ray.students.model import build_student

TRANSFORMER = {"depth": 1, "embed_dim": 32, "num_heads": 2}


@pytest.mark.parametrize(
    ("model", "args"),
    [
        ("vit_tiny_patch16_224", TRANSFORMER),  # one size alone: another is an argument
        ("deit_tiny_distilled_patch16_224", TRANSFORMER),  # two output layers
        ("mobilenetv3_small_050", {}),  # its output layer is called classifier
    ],
)
def test_without_aspects_class_logits_stay_whatever_the_output_layer_is_called(model, args, tmp_path):
    torch.manual_seed(0)
    config = StudentConfig(model=model, model_args=args, image_size=32)
    student = build_student(config, classes=3, aspects=2).eval().requires_grad_(False)
    card = Card(
        task="classify", identity="0", name="makd seed 0", model=model, model_args=args, classes=3,
        class_names=("red", "green", "blue"), questions=("Is it red?", "Is it green?"), image_size=32,
        interpolation="bicubic", mean=tuple(student.mean.flatten().tolist()),
        std=tuple(student.std.flatten().tolist()), metrics={}, form="timm",
    )  # fmt: skip
    images_B3SS = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    narrow_card, narrow = without_aspects(card, student)
    timm_folder.write(narrow_card, narrow, tmp_path)
    write_card(Folder(str(tmp_path)), narrow_card, (tmp_path / "model.safetensors").read_bytes())
    class_logits_BC, aspect_logits_BQ = load_bundle(str(tmp_path)).logits(images_B3SS)
    torch.testing.assert_close(class_logits_BC, student(images_B3SS.float() / 255)[0])
    assert aspect_logits_BQ.shape == (2, 0)
