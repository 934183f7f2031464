import pytest
import torch

from mmkd_ray.config import StudentConfig, validate
from mmkd_ray.data.fit import Fit
from mmkd_ray.errors import StudentError
from mmkd_ray.students.model import build_student, check_student, evaluation_fit, training_fit

TINY = StudentConfig(model="resnet18", model_args={"layers": [1, 1, 1, 1], "channels": [4, 4, 8, 8]}, image_size=32)


def config_of(**sections):
    data = {"source": "folder", "path": "x", **sections.pop("data", {})}
    return validate({"name": "t", "data": data, "aspects": {"source": "fieldguide"}, **sections})


def test_pictures_are_fitted_as_the_model_and_the_configuration_say():
    student = {"model": "resnet18", "image_size": 224}
    plain = config_of(student=student)
    assert evaluation_fit(plain) == Fit("crop", 224, "bicubic", 1.0, (124, 116, 104))
    assert training_fit(plain) == Fit("whole", 224, "bicubic", fill=(124, 116, 104))
    timms = config_of(student={**student, "crop_pct": None}, data={"fit": "squash"})
    assert (evaluation_fit(timms).how, evaluation_fit(timms).crop_pct) == ("squash", 0.95)
    assert (training_fit(timms).how, training_fit(timms).size) == ("squash", 236)
    assert training_fit(config_of(student={**student, "crop_pct": 0.875})).size == 256
    assert training_fit(config_of(train={"decode_size": 300})).size == 300
    assert training_fit(config_of(train={"decode_size": "full"})).size is None


def test_one_output_layer_gives_class_and_aspect_logits():
    student = build_student(TINY, classes=5, aspects=3)
    class_logits, aspect_logits = student(torch.rand(2, 3, 32, 32))
    assert class_logits.shape == (2, 5)
    assert aspect_logits.shape == (2, 3)
    assert student.backbone.get_classifier().out_features == 8


def test_normalisation_is_inside():
    student = build_student(TINY, classes=2, aspects=1).eval()
    images = torch.rand(1, 3, 32, 32)
    by_hand = student.backbone((images - student.mean) / student.std)
    assert torch.allclose(torch.cat(student(images), dim=1), by_hand, atol=1e-5)
    assert student.mean.flatten().tolist() == pytest.approx([0.485, 0.456, 0.406])


@pytest.mark.parametrize("name", ["mobilenetv1_100", "efficientnet_b0", "convnext_atto"])
def test_other_families_work(name):
    student = build_student(StudentConfig(model=name, image_size=32), classes=2, aspects=4)
    assert [tuple(logits.shape) for logits in student.eval()(torch.rand(1, 3, 32, 32))] == [(1, 2), (1, 4)]


def test_an_unknown_model_is_named_with_its_neighbours():
    with pytest.raises(StudentError, match=r"no model 'resnet81'; did you mean resnet"):
        build_student(StudentConfig(model="resnet81"), classes=2, aspects=1)


def test_refused_arguments_are_named():
    with pytest.raises(StudentError, match=r"'resnet18' cannot be built with model_args \{'nonsense': 1\}"):
        build_student(StudentConfig(model="resnet18", model_args={"nonsense": 1}), classes=2, aspects=1)


@pytest.mark.parametrize("prefix", ["timm/", "hf-hub:timm/"])
def test_the_hubs_name_of_a_model_is_told_apart(prefix):
    with pytest.raises(StudentError, match=r"did you mean resnet18.a1_in1k\? \(student.pretrained=true"):
        build_student(StudentConfig(model=f"{prefix}resnet18.a1_in1k"), classes=2, aspects=1)


def test_weights_that_are_not_there_are_looked_for_by_an_absolute_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StudentError, match=f"no file {tmp_path}/weights.pt"):
        check_student(TINY.model_copy(update={"pretrained": "weights.pt"}))
