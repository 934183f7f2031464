"""A folder that timm and transformers load."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import timm
import torch
from timm.models import save_for_hf

from mmkd_ray.data.decode import decode_rgb
from mmkd_ray.students.card import Card
from mmkd_ray.students.forms.timm_folder import CONFIG
from mmkd_ray.students.model import Student

_CROP_MODES = {"crop": "center", "squash": "squash", "pad": "border"}
"""`data.fit` in timm's words."""
_OF_OTHER_WEIGHTS = ("license", "origin_url", "paper_ids", "paper_name", "notes", "tag")
"""What timm says of the weights that it has for the model, which are not these."""


def write(card: Card, student: Student, folder: Path) -> None:
    """Write `config.json` and `model.safetensors`; outputs are the classes, then the questions."""
    # In the usual memory layout: safetensors refuses channels last.
    backbone: Any = copy.deepcopy(student.backbone).to(memory_format=torch.contiguous_format)  # pyrefly: ignore
    if card.precision == "float16":
        backbone = backbone.half()
    preprocessing = {
        "input_size": (3, card.image_size, card.image_size),
        "interpolation": card.interpolation,
        "mean": card.mean,
        "std": card.std,
        "crop_pct": card.crop_pct,
        "crop_mode": _CROP_MODES[card.fit],
    }
    labels = {"label_names": [*card.class_names, *card.questions]}
    save_for_hf(backbone, str(folder), model_config=labels, safe_serialization=True, data_config=preprocessing)
    config = json.loads((folder / CONFIG).read_text())
    # It stands beside the arguments as well, and transformers would give it twice.
    config["model_args"].pop("num_classes", None)
    for key in _OF_OTHER_WEIGHTS:
        config["pretrained_cfg"].pop(key, None)
    (folder / CONFIG).write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n")


def classes_by_transform(folder: Path, images: list[bytes], *, classes: int) -> torch.Tensor:
    """The class [N] of encoded images as users of timm get it: by the folder alone, and timm's own preparation."""
    model = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    preparation: dict[str, Any] = timm.data.resolve_model_data_config(model)
    transform: Any = timm.data.create_transform(**preparation)
    with torch.no_grad():
        seen = (transform(decode_rgb(image)) for image in images)
        return torch.stack([model(image_3SS[None])[0, :classes].argmax() for image_3SS in seen])
