"""The forms that a student's weights have in a bundle: one file a form."""

from mmkd_ray.students.card import FormName
from mmkd_ray.students.forms.form import Form, Network
from mmkd_ray.students.forms.onnx import ONNX
from mmkd_ray.students.forms.own import OWN, StudentNetwork
from mmkd_ray.students.forms.program import PROGRAM
from mmkd_ray.students.forms.timm_folder import TIMM

FORMS: dict[FormName, Form] = {"student": OWN, "timm": TIMM, "torch": PROGRAM, "onnx": ONNX}
"""All of them, by the name in a card."""

__all__ = ["FORMS", "Form", "Network", "StudentNetwork"]
