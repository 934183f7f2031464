import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mmkd_ray.artifacts import Folder
from mmkd_ray.data.fit import Fit
from mmkd_ray.errors import ArtifactError, DataError
from mmkd_ray.students.bundle import CARD, WEIGHTS, load_bundle, write_bundle
from mmkd_ray.students.outputs import BATCH, outputs
from tests.support import toy_bundle
from tests.support.damage import flipped_bits
from tests.support.toy_student import pixels, run, trainer

CARD_OF_TOY = toy_bundle.CARD.model_copy(
    update={"class_names": toy_bundle.CLASSES, "questions": toy_bundle.QUESTIONS, "class_answers": None}
)
IN_A_FRESH_PROCESS = """
import json, sys
import torch
from mmkd_ray.students.bundle import load_bundle

torch.set_num_threads(1)
files = [open(name, "rb").read() for name in sys.argv[2:]]
said = load_bundle(sys.argv[1]).predict(files)
loaded = [name for name in sys.modules if name in ("ray", "vllm")]
print(json.dumps([said.class_logits_NC.tolist(), said.aspect_logits_NQ.tolist(), said.classes, loaded]))
"""


@pytest.fixture(scope="module")
def student():
    torch.set_num_threads(1)
    return run(trainer(), 4).student.eval()


@pytest.fixture
def place(student, tmp_path):
    """A folder with the toy student."""
    write_bundle(Folder(str(tmp_path / "bundle")), CARD_OF_TOY, student)
    return tmp_path / "bundle"


def png(image):
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def pictures(count):
    """Pillow's pictures of the toy images."""
    return [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in pixels(count, 3).images_M3SS]


def test_copied_elsewhere_and_read_in_a_fresh_process_it_gives_the_same_logits(student, place, tmp_path):
    """Nothing but the folder is needed: no configuration, no run, no Ray."""
    elsewhere = tmp_path / "other" / "place"
    shutil.copytree(place, elsewhere)
    shutil.rmtree(place)
    for number, picture in enumerate(pictures(5)):
        picture.save(tmp_path / f"{number}.png")
    files = [str(tmp_path / f"{number}.png") for number in range(5)]
    ended = subprocess.run(
        [sys.executable, "-c", IN_A_FRESH_PROCESS, "other/place", *files],
        check=True, capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    class_logits, aspect_logits, classes, loaded = json.loads(ended.stdout)
    expected = outputs(student, pixels(5, 3).in_batches(BATCH))
    assert torch.equal(torch.tensor(class_logits), expected[0])
    assert torch.equal(torch.tensor(aspect_logits), expected[1])
    assert classes == [CARD_OF_TOY.class_names[label] for label in expected[0].argmax(1)]
    assert loaded == []


def test_files_pictures_and_arrays_are_the_same_to_it(place, tmp_path):
    bundle = load_bundle(str(place))
    wide = Image.effect_mandelbrot((40, 24), (-2, -1.5, 1, 1.5), 100).convert("RGB")
    file = tmp_path / "a bird ü.png"
    file.write_bytes(png(wide))
    images = (png(wide), wide, np.asarray(wide), wide.convert("RGBA"), file, str(file))
    said = [bundle.predict([image]) for image in images]
    for other in said[1:]:
        np.testing.assert_array_equal(other.class_logits_NC, said[0].class_logits_NC)
    # As an evaluation shows it to the student.
    expected = Fit("crop", 16, "bicubic")(wide).transpose(2, 0, 1)
    np.testing.assert_array_equal(bundle.pixels([png(wide)])[0].numpy(), expected)


def test_it_says_probabilities_by_name(place):
    said = load_bundle(str(place)).predict(pictures(7))
    assert said.class_names == CARD_OF_TOY.class_names
    assert said.questions == CARD_OF_TOY.questions
    np.testing.assert_allclose(said.class_probabilities_NC.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(said.p_yes_NQ, 1 / (1 + np.exp(-said.aspect_logits_NQ)), rtol=1e-5)
    assert said.p_yes_NQ.shape == (7, 2)


def test_no_images_are_no_predictions(place):
    assert load_bundle(str(place)).predict([]).class_logits_NC.shape == (0, 3)


def test_its_normalisation_is_that_of_its_card(student, tmp_path):
    """Not that which timm has for the model at the time of reading."""
    other = CARD_OF_TOY.model_copy(update={"mean": (0.1, 0.2, 0.3)})
    write_bundle(Folder(str(tmp_path)), other, student)
    assert load_bundle(str(tmp_path)).student.mean.flatten().tolist() == pytest.approx([0.1, 0.2, 0.3])


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (b"no image", "image 1: not a readable image"),
        (np.zeros((4, 4)), r"image 1: got an array of float64, shape \[4, 4\]; accepted: uint8 \[H, W, 3\]"),
        ("cat.png", "image 1: /.*cat.png cannot be read: No such file or directory"),
        (7, "image 1: got int; accepted: a path, bytes of a file, a PIL image"),
    ],
)
def test_an_image_that_cannot_be_read_is_named(place, image, message):
    with pytest.raises(DataError, match=message):
        load_bundle(str(place)).predict([pictures(1)[0], image])


@pytest.mark.parametrize("image", ["cat.png", Path("cat.png"), b"no image", Image.new("RGB", (4, 4))])
def test_one_image_is_no_list(place, image):
    with pytest.raises(DataError, match=r"got one image \(.*\); accepted: a list of images"):
        load_bundle(str(place)).predict(image)


def test_another_folder_is_no_bundle(tmp_path):
    with pytest.raises(ArtifactError, match=r"is not a student's bundle: it has no student.json"):
        load_bundle(str(tmp_path))


def _rewritten(**changes):
    def change(place):
        card = json.loads((place / CARD).read_text())
        del card["checksum"]  # as another version would write it
        (place / CARD).write_text(json.dumps(card | changes))

    return change


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda place: (place / CARD).write_text("{"), r"student.json cannot be used \(it is not JSON"),
        (_rewritten(format=7), r"student.json cannot be used \(format: Input should be 1"),
        (_rewritten(image_size="large"), r"student.json cannot be used \(image_size: "),
        (_rewritten(task="knit"), r"student.json cannot be used \(task: "),
        (_rewritten(class_names=["red"]), r"student.json cannot be used \(.*classes is 3, but class_names has 1"),
        (_rewritten(questions=["Is it red?"]), r"student.safetensors cannot be used \(.*size mismatch"),
        (_rewritten(model="no_such_model"), r"student.json cannot be used \(student.model: timm has no model"),
        (lambda place: (place / WEIGHTS).write_bytes(b"x" * 100), r"student.safetensors cannot be used \("),
        (lambda place: (place / WEIGHTS).unlink(), r"student.safetensors cannot be used \("),
    ],
)  # fmt: skip
def test_what_is_damaged_or_foreign_is_one_clear_line(place, damage, message):
    damage(place)
    with pytest.raises(ArtifactError, match=message) as raised:
        load_bundle(str(place))
    assert "\n" not in str(raised.value)
    assert "copy the folder again, or train the student again" in str(raised.value)


def test_no_flipped_bit_of_a_bundle_becomes_another_student(place):
    whole = load_bundle(str(place))
    for name in (WEIGHTS, CARD):
        with flipped_bits(place / name, 40) as bits:
            for _ in bits:
                try:
                    found = load_bundle(str(place))
                except ArtifactError as error:
                    assert name in str(error)  # noqa: PT017 (some bits are white space)
                else:
                    assert name == CARD
                    assert found.card == whole.card
