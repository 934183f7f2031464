"""How each form is used: the lines of code in a model card."""

from __future__ import annotations

from pathlib import Path

from mmkd_ray.exports.metadata import preparation
from mmkd_ray.students.card import Card


def usage(card: Card, place: Path) -> str:
    """Markdown: first as its own kind of file, then by this package.

    Args:
        card: of the export.
        place: its folder.
    """
    own = {"timm": _timm, "torch": _torch, "onnx": _onnx}[card.form](card, place.name)
    return f"""{own}

With mmkd_ray, which prepares the images itself:

```python
import mmkd_ray as mm

mm.load_student("{place.name}").predict(["bird.png"]).classes
```"""


def _timm(card: Card, name: str) -> str:
    outputs, of_all = "", "logits.softmax(dim=-1)"
    if card.questions:
        outputs = (
            f"\n\nThe first {card.classes} outputs are the classes (softmax over these alone gives probabilities), the "
            f"other {len(card.questions)} the questions (sigmoid of each gives P(yes))."
        )
        of_all = f"logits[:, :{card.classes}].softmax(dim=-1)"
    pipeline = (
        ""
        if card.questions
        else f"""

```python
from transformers import pipeline

pipeline("image-classification", model="{name}")("bird.png")
```"""
    )
    return f"""```python
import timm
from PIL import Image

model = timm.create_model("local-dir:{name}", pretrained=True).eval()
transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
logits = model(transform(Image.open("bird.png").convert("RGB"))[None])
probabilities = {of_all}
```{pipeline}{outputs}

`config.json` has the names of the outputs (`label_names`) and the preprocessing."""


def _torch(card: Card, name: str) -> str:
    outputs = "class_logits, aspect_logits" if card.questions else "(class_logits,)"
    return f"""```python
import torch

student = torch.export.load("{name}/student.pt2").module()
{outputs} = student(images)  # float32 [batch, 3, {card.image_size}, {card.image_size}], RGB in [0, 1]
```

{_input(card)}"""


def _onnx(card: Card, name: str) -> str:
    outputs = "class_logits, aspect_logits" if card.questions else "(class_logits,)"
    return f"""```python
import onnxruntime

session = onnxruntime.InferenceSession("{name}/student.onnx", providers=["CPUExecutionProvider"])
{outputs} = session.run(None, {{"images": images}})  # float32 [batch, 3, {card.image_size}, {card.image_size}]
```

{_input(card)}"""


def _input(card: Card) -> str:
    return (
        f"Preparation of a picture: {preparation(card)}; normalisation is inside of the model. Class names, questions "
        "and preprocessing are in the file's metadata, and in `student.json`."
    )
