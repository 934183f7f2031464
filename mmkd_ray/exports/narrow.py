"""A student without its aspect outputs."""

from __future__ import annotations

import torch

from mmkd_ray.students.card import Card
from mmkd_ray.students.model import Student, build_student


def without_aspects(card: Card, student: Student) -> tuple[Card, Student]:
    """The same student with C outputs in place of C + Q: the rows of its output layer that give class logits."""
    narrow = build_student(card.config, classes=card.classes, aspects=0)
    weights = student.state_dict()
    for name, weight in narrow.state_dict().items():
        # The output layer alone has another shape, whatever timm calls it; some models have two.
        weights[name] = weights[name][: len(weight)] if weights[name].shape != weight.shape else weights[name]
    narrow.load_state_dict(weights)
    with torch.no_grad():
        narrow.mean.copy_(student.mean)
        narrow.std.copy_(student.std)
    return card.model_copy(update={"questions": (), "class_answers": None}), narrow.eval().requires_grad_(False)
