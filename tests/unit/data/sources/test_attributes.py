"""What is truly to be seen: the field guide's own attributes, and the labels of CUB-200 through a mapping file."""

import pytest
import yaml

from mmkd_ray import fieldguide
from mmkd_ray.config import CubData, FieldGuideData, FolderData
from mmkd_ray.data.building import build_image_table
from mmkd_ray.data.sources.attributes import true_answers
from mmkd_ray.data.sources.cub import read_attributes
from mmkd_ray.data.table import read_splits
from mmkd_ray.errors import ConfigError, DataError, MmkdError
from tests.support import published_layouts as published
from tests.unit.data.sources.test_cub import config_of

GUIDE = FieldGuideData(source="fieldguide", species_seed=3, image_seed=5)
RED, BLUE, LONG = "has_crown_color::red", "has_crown_color::blue", "has_bill_length::longer_than_head"
NAMES = (RED, BLUE, LONG)
QUESTION = "Does the bird have a red crown?"


@pytest.fixture(scope="module")
def drawn():
    per_class = {"train": 2, "val": 1, "shift": 1}
    return {image.image_id: image for image in fieldguide.images(species_seed=3, seed=5, per_class=per_class)}


def test_the_field_guide_has_true_answers_for_every_wording(drawn):
    wordings = {
        text: question.id
        for question in fieldguide.QUESTIONS
        for text in (question.text, *question.paraphrases, question.held_out)
    }
    truth = true_answers(GUIDE, [*wordings, "Is it art?"], list(drawn), None)
    assert set(truth) == set(wordings)
    for text, identifier in wordings.items():
        assert truth[text] == {image_id: image.attributes[identifier] for image_id, image in drawn.items()}


def test_the_field_guides_true_answers_are_those_of_its_variant(drawn):
    habitat = "Is there a forest in the picture?"
    spurious = FieldGuideData(source="fieldguide", species_seed=3, image_seed=5, spurious=True)
    images = fieldguide.images(species_seed=3, seed=5, per_class={"train": 2, "val": 1, "shift": 1}, home_share=0.95)
    truth = true_answers(spurious, [habitat], list(drawn), None)
    assert truth == {habitat: {image.image_id: image.attributes["forest"] for image in images}}


def test_the_field_guides_true_answers_depend_on_its_seeds(drawn):
    texts = [question.text for question in fieldguide.QUESTIONS]
    truth = true_answers(GUIDE, texts, list(drawn), None)
    other_images = FieldGuideData(source="fieldguide", species_seed=3, image_seed=6)
    assert true_answers(other_images, texts, list(drawn), None) != truth


@pytest.mark.parametrize("image_id", ["train/no-such/0001", "dev/x/0001", "train", "{first}x"])
def test_an_image_of_another_data_set_is_named(drawn, image_id):
    image_id = image_id.replace("{first}", next(iter(drawn)))
    with pytest.raises(MmkdError, match=f"species seed 3 has no image '{image_id}'"):
        fieldguide.attributes_of([image_id], species_seed=3, seed=5)


def put_attributes(root, lines, *, names=NAMES, place="."):
    """The labels as the archive has them: `attributes.txt` beside the folder, or inside it in some copies."""
    published.write(root / place / "attributes.txt", "".join(f"{k} {name}\n" for k, name in enumerate(names, 1)))
    published.write(root / "CUB_200_2011/attributes/image_attribute_labels.txt", "\n".join(lines) + "\n")


LINES = [
    "1 1 1 3 27.708", "1 2 0 4 27.708", "1 3 0 1 5.1",  # the bill cannot be seen
    "2 1 0 4 3.2", "2 2 1 2 3.2", "2 3 1 3 0 1.509",  # a field too many, as in the original
    "3 1 0 3 2", "3 2 0 1 2", "3 3 0 4 2",
]  # fmt: skip


@pytest.fixture
def birds(tmp_path):
    """The ids of the first three images, with labels."""
    ids = list(published.cub(tmp_path))
    put_attributes(tmp_path, LINES)
    return ids[:3]


def cub_truth(root, questions, image_ids, mapping):
    path = root / "mapping.yaml"
    path.write_text(mapping if isinstance(mapping, str) else yaml.safe_dump(mapping))
    return true_answers(CubData(source="cub", path=str(root)), questions, image_ids, str(path))


@pytest.mark.parametrize("place", [".", "CUB_200_2011"])
def test_labels_are_read_image_by_image_without_what_is_not_visible(tmp_path, birds, place):
    (tmp_path / "attributes.txt").unlink()
    put_attributes(tmp_path, LINES, place=place)
    first, second, third = birds
    assert read_attributes(str(tmp_path)) == {
        RED: {first: True, second: False, third: False},
        BLUE: {first: False, second: True},
        LONG: {second: True, third: False},
    }


def test_ids_are_those_of_the_image_table(tmp_path, birds, run):
    build_image_table(config_of(tmp_path), run, lambda *_: None)
    assert set(birds) <= set(read_splits(run, columns=["image_id"])["image_id"].to_pylist())


def test_a_question_is_mapped_to_an_attribute(tmp_path, birds):
    truth = cub_truth(tmp_path, [QUESTION, "Is it art?"], birds, f"{QUESTION}: {RED}")
    assert truth == {QUESTION: dict(zip(birds, (True, False, False), strict=True))}
    assert cub_truth(tmp_path, [QUESTION], birds[1:], {QUESTION: RED}) == {QUESTION: {birds[1]: False, birds[2]: False}}


def test_one_of_several_attributes_is_enough_where_all_are_visible(tmp_path, birds):
    truth = cub_truth(tmp_path, ["Is its crown colourful?"], birds, {"Is its crown colourful?": [RED, BLUE]})
    assert truth == {"Is its crown colourful?": {birds[0]: True, birds[1]: True}}


def test_an_unknown_attribute_suggests_those_of_its_group(tmp_path, birds):
    with pytest.raises(DataError, match=f"'has_crown_color::rde', for which .* no labels; there are {RED}, {BLUE}$"):
        cub_truth(tmp_path, [QUESTION], birds, {QUESTION: "has_crown_color::rde"})
    with pytest.raises(DataError, match=r"names 'crown', for which .* no labels, see attributes\.txt"):
        cub_truth(tmp_path, [QUESTION], birds, {QUESTION: "crown"})


@pytest.mark.parametrize(
    "mapping", ["- a", "just text", "7: x", f"{QUESTION}: 3", f"{QUESTION}: [[x]]", f"{QUESTION}:"]
)
def test_an_invalid_mapping_is_a_one_line_error(tmp_path, birds, mapping):
    with pytest.raises(ConfigError, match=r"mapping\.yaml: expected \{question: attribute\} or .*, got "):
        cub_truth(tmp_path, [QUESTION], birds, mapping)


def test_a_question_mapped_to_no_attribute_is_refused(tmp_path, birds):
    """Else No would be the truth about every image."""
    with pytest.raises(ConfigError, match="expected"):
        cub_truth(tmp_path, [QUESTION], birds, {QUESTION: []})


def test_a_missing_mapping_file_is_named(tmp_path, birds):
    data = CubData(source="cub", path=str(tmp_path))
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: no such file"):
        true_answers(data, [QUESTION], birds, str(tmp_path / "nowhere.yaml"))
    with pytest.raises(ConfigError, match=r"give --mapping FILE\.yaml"):
        true_answers(data, [QUESTION], birds, None)


@pytest.mark.parametrize("line", ["1 1 1", "99 1 1 3 2", "1 99 1 3 2", "1 1 yes 3 2", ""])
def test_a_broken_line_of_labels_is_named(tmp_path, birds, line):
    put_attributes(tmp_path, [LINES[0], line, LINES[1]])
    with pytest.raises(DataError, match=rf"image_attribute_labels\.txt, line 2: got '{line}'"):
        read_attributes(str(tmp_path))


def test_missing_labels_say_what_is_expected(tmp_path):
    published.cub(tmp_path)
    with pytest.raises(DataError, match=r"attributes\.txt' cannot be read: .*expected .*attributes\.txt \(or"):
        read_attributes(str(tmp_path))


def test_other_data_sets_have_no_true_answers():
    with pytest.raises(ConfigError, match=r"'folder' has no attribute labels .* 'scenes', and 'cub'"):
        true_answers(FolderData(source="folder", path="/data"), [QUESTION], ["a"], None)
