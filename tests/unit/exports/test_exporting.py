"""Each form as its users load it: by timm, transformers, torch.export, onnxruntime and this package."""

import json
import shutil
import sys

import numpy as np
import onnxruntime
import pytest
import timm
import torch
from PIL import Image
from transformers import AutoModelForImageClassification, pipeline

import mmkd_ray as mm
from mmkd_ray.artifacts import Folder
from mmkd_ray.data.table import spread_images
from mmkd_ray.errors import ArtifactError, ConfigError, StudentError
from mmkd_ray.exports.exporting import Wanted, export_student
from mmkd_ray.students.bundle import load_bundle, write_bundle
from mmkd_ray.study.students import list_students
from tests.support.search_run import CLASSES


@pytest.fixture(scope="module")
def images(trained):
    """Five encoded pictures."""
    return spread_images(trained[1], "test", 5)[1]


@pytest.fixture(scope="module")
def as_floats(student, images):
    """The same as float32 [5, 3, 16, 16] in [0, 1], and the student's class logits and aspect logits of them."""
    said = student.predict(images)
    return student.pixels(images).float() / 255, said.class_logits_NC, said.aspect_logits_NQ


@pytest.mark.parametrize(
    ("form", "precision", "aspects", "within"),
    [
        ("timm", "float32", False, 1e-5),
        ("timm", "float16", True, 1e-2),
        ("torch", "float32", True, 1e-5),
        ("torch", "float16", False, 1e-2),
        ("onnx", "float32", True, 1e-4),
        ("onnx", "float16", False, 1e-2),
        ("onnx", "int8", False, 2),
    ],
)
def test_a_bundle_of_each_form_says_what_the_student_says(
    exported, student, images, form, precision, aspects, within, tmp_path
):
    found = exported(form, precision, aspects=aspects)
    assert found.verification.images == 12
    assert found.verification.difference <= found.verification.limit
    shutil.copytree(found.place, tmp_path / "elsewhere")
    bundle = load_bundle(str(tmp_path / "elsewhere"))
    assert (bundle.card.form, bundle.card.precision, bundle.card.class_names) == (form, precision, CLASSES)
    expected, said = student.predict(images), bundle.predict(images)
    np.testing.assert_allclose(said.class_logits_NC, expected.class_logits_NC, atol=within)
    assert said.questions == (expected.questions if aspects else ())
    if aspects:
        np.testing.assert_allclose(said.aspect_logits_NQ, expected.aspect_logits_NQ, atol=within)
    assert said.aspect_logits_NQ.shape == (5, 4 if aspects else 0)
    assert bundle.predict([]).class_logits_NC.shape == (0, 3)
    assert bundle.predict(images[:1]).class_logits_NC.shape == (1, 3)


def test_timm_and_transformers_load_the_folder(exported, as_floats, images, student):
    found = exported("timm")
    assert found.prepared_alike == (12, 12)
    seen, class_logits, _ = as_floats
    model = timm.create_model(f"local-dir:{found.place}", pretrained=True).eval()
    assert (model.num_classes, tuple(model.pretrained_cfg["label_names"])) == (3, CLASSES)
    data_config = timm.data.resolve_model_data_config(model)
    assert (data_config["input_size"], data_config["crop_pct"]) == ((3, 16, 16), 1.0)
    normalised = (seen - student.student.mean) / student.student.std
    with torch.no_grad():
        np.testing.assert_allclose(model(normalised).numpy(), class_logits, atol=1e-5)
        wrapped = AutoModelForImageClassification.from_pretrained(found.place).eval()
        np.testing.assert_allclose(wrapped(normalised).logits.numpy(), class_logits, atol=1e-5)
    assert wrapped.config.id2label == dict(enumerate(CLASSES))
    pictures = [Image.fromarray(image.transpose(1, 2, 0)) for image in student.pixels(images).numpy()]
    named = [best[0]["label"] for best in pipeline("image-classification", model=str(found.place))(pictures)]
    assert named == student.predict(images).classes
    # timm's own weights for this model have a licence; these are others.
    assert "license" not in json.loads((found.place / "config.json").read_text())["pretrained_cfg"]


def test_with_aspects_the_questions_are_outputs_of_the_timm_folder(exported, student):
    config = json.loads((exported("timm", "float16", aspects=True).place / "config.json").read_text())
    assert (config["num_classes"], config["label_names"]) == (7, [*CLASSES, *student.card.questions])


def test_a_program_takes_batches_of_any_size_and_says_what_it_is(exported, as_floats):
    extra = {"metadata.json": ""}
    file = exported("torch", aspects=True).place / "student.pt2"
    program = torch.export.load(file, extra_files=extra).module()
    seen, class_logits, aspect_logits = as_floats
    for count in (1, 2, 5):
        classes, aspects = program(seen[:count])
        np.testing.assert_allclose(classes, class_logits[:count], atol=1e-5)
        np.testing.assert_allclose(aspects, aspect_logits[:count], atol=1e-5)
    metadata = json.loads(extra["metadata.json"])
    assert (metadata["class_names"], metadata["preprocessing"]["size"]) == (list(CLASSES), 16)


def test_an_onnx_model_takes_batches_of_any_size_and_says_what_it_is(exported, student, as_floats):
    file = exported("onnx", aspects=True).place / "student.onnx"
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    (taken,) = session.get_inputs()
    assert (taken.name, taken.type, taken.shape) == ("images", "tensor(float)", ["batch", 3, 16, 16])
    seen, class_logits, aspect_logits = as_floats
    for count in (1, 2, 5):
        classes, aspects = session.run(["class_logits", "aspect_logits"], {"images": seen[:count].numpy()})
        np.testing.assert_allclose(classes, class_logits[:count], atol=1e-4)
        np.testing.assert_allclose(aspects, aspect_logits[:count], atol=1e-4)
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["class_names"]) == list(CLASSES)
    assert json.loads(metadata["questions"]) == list(student.card.questions)
    assert json.loads(metadata["preprocessing"])["range"] == [0, 1]


def test_int8_is_static_and_its_loss_is_told(exported):
    found, whole = exported("onnx", "int8"), exported("onnx", aspects=True)
    model = (found.place / "student.onnx").read_bytes()
    assert b"QuantizeLinear" in model
    assert b"class_names" in model
    assert found.verification.difference > whole.verification.difference
    card = (found.place / "README.md").read_text()
    assert "arm `makd`, seed" in card
    assert f"top-1 accuracy changes by {found.verification.points:+.1f} points" in card


def test_what_differs_from_the_student_is_refused_and_not_kept(trained, tmp_path):
    """Weights that float16 cannot hold."""
    config, run = trained
    spec = next(spec for spec in list_students(config, run) if str(spec) == "ce seed 0")
    whole = load_bundle(spec.folder(run))
    try:
        broken = load_bundle(spec.folder(run))
        with torch.no_grad():
            broken.student.backbone.get_classifier().weight.mul_(1e7)
        write_bundle(spec.folder(run), broken.card, broken.student)
        with pytest.raises(StudentError, match=r"the export is not the student, .* differ by up to .* in float16"):
            export_student(config, run, str(tmp_path / "out"), Wanted(precision="float16", arm="ce", seed=0))
    finally:
        write_bundle(spec.folder(run), whole.card, whole.student)
    assert list(tmp_path.iterdir()) == []


def test_another_export_is_replaced_and_anything_else_is_left(trained, exported, tmp_path):
    place = tmp_path / "out"
    shutil.copytree(exported("torch", aspects=True).place, place)
    export_student(*trained, str(place), Wanted())
    written = sorted(file.name for file in place.iterdir())
    assert written == ["README.md", "config.json", "model.safetensors", "student.json"]
    assert [file.name for file in tmp_path.iterdir()] == ["out"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    for other in (tmp_path / "mine", list_students(*trained)[0].folder(trained[1]).path):
        with pytest.raises(ArtifactError, match=r"is there and is not an export, so it is left as it is"):
            export_student(*trained, str(other), Wanted())
    with pytest.raises(ConfigError, match=r"--to: got 's3://bucket/out'; .*: give a local folder"):
        export_student(*trained, "s3://bucket/out", Wanted())


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"precision": "int8"}, r"--precision: got int8; with --format timm accepted are float32, float16"),
        ({"precision": "int8", "format": "torch"}, r"with --format torch accepted are float32, float16"),
        ({"format": "zip"}, r"--format: got zip; accepted are timm, torch, onnx"),
        ({"seed": "0"}, r"--seed: got '0'; accepted are a number, or best"),
        ({"arm": "mkad"}, r"--arm: got 'mkad'; accepted are ce, makd"),
        ({"variant": "wide"}, r"--variant: got 'wide'; the study has none"),
        ({"arm": "ce", "aspects": True}, r"--aspects: a student of the arm 'ce' has learnt none; leave it out"),
    ],
)
def test_what_there_is_not_is_refused(trained, tmp_path, wanted, message):
    with pytest.raises(ConfigError, match=message):
        export_student(*trained, str(tmp_path / "out"), Wanted(**wanted))
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_export_is_one_clear_line(exported, tmp_path):
    for form, file in (("onnx", "student.onnx"), ("torch", "student.pt2"), ("timm", "model.safetensors")):
        place = tmp_path / form
        shutil.copytree(exported(form, aspects=form != "timm").place, place)
        Folder(str(place)).write_bytes(file, b"x" * 100)
        with pytest.raises(ArtifactError, match=rf"{file} cannot be used \(it is not what its card says\)"):
            load_bundle(str(place))
        card = json.loads((place / "student.json").read_text())
        del card["weights"], card["checksum"]
        (place / "student.json").write_text(json.dumps(card))
        with pytest.raises(ArtifactError, match=rf"{file} cannot be used \(.*copy the folder again") as raised:
            load_bundle(str(place))
        assert "\n" not in str(raised.value)


def test_an_export_as_a_program_is_no_module(exported):
    bundle = load_bundle(str(exported("onnx", aspects=True).place))
    with pytest.raises(ArtifactError, match="is an export in the form onnx, which is no PyTorch module"):
        _ = bundle.student


def test_in_python_it_is_one_call(trained, tmp_path):
    found = mm.export(trained[1], tmp_path / "out", arm="ce", seed=1)
    assert found.card.name == "ce seed 1"
    assert mm.load_student(found.place).card.form == "timm"


def test_what_is_not_installed_is_named_with_the_extra(trained, exported, tmp_path, monkeypatch):
    place = exported("onnx", aspects=True).place
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ConfigError, match=r"the package onnxruntime is not installed: install the extra `onnx`"):
        load_bundle(str(place))
    with pytest.raises(ConfigError, match=r"--format onnx: the package onnxruntime is not installed"):
        export_student(*trained, str(tmp_path / "out"), Wanted("onnx"))
