"""The data set: sizes, identity, independence of its images."""

import subprocess
import sys

import pytest

from mmkd_ray.errors import MmkdError
from mmkd_ray.fieldguide import QUESTIONS, images, make_species
from mmkd_ray.fieldguide.species import SPECIES_COUNT


def test_splits_have_the_requested_sizes_and_a_stable_order():
    records = list(images(species_seed=1, seed=2, per_class={"shift": 1, "train": 2, "test": 1}))
    assert [record.split for record in records] == (
        ["train"] * 2 * SPECIES_COUNT + ["test"] * SPECIES_COUNT + ["shift"] * SPECIES_COUNT
    )
    assert len({record.image_id for record in records}) == len(records)
    names = [species.name for species in make_species(1)]
    assert all(record.class_name == names[record.label] for record in records)
    assert records[0].image_id == f"train/{make_species(1)[0].slug}/0000"
    assert set(records[0].attributes) == {question.id for question in QUESTIONS}


def test_an_image_does_not_depend_on_the_number_of_images():
    few = {image.image_id: image.png for image in images(species_seed=1, seed=2, per_class={"train": 1, "test": 1})}
    many = {image.image_id: image.png for image in images(species_seed=1, seed=2, per_class={"val": 1, "train": 2})}
    shared = few.keys() & many.keys()
    assert len(shared) == SPECIES_COUNT
    assert all(few[image_id] == many[image_id] for image_id in shared)


def test_no_two_images_are_alike():
    records = list(images(species_seed=0, seed=0, per_class={"train": 3, "val": 1, "test": 1}))
    assert len({record.png for record in records}) == len(records)


def test_another_seed_draws_other_images_of_the_same_species():
    one = next(images(species_seed=0, seed=0, per_class={"train": 1}))
    other = next(images(species_seed=0, seed=1, per_class={"train": 1}))
    assert one.image_id == other.image_id
    assert one.png != other.png


def test_the_shift_split_has_none_of_the_habitats_of_the_others():
    for record in images(species_seed=0, seed=0, per_class={"shift": 2}):
        assert not any(record.attributes[habitat] for habitat in ("forest", "sea", "snow", "desert", "meadow"))


@pytest.mark.parametrize(
    ("per_class", "words"), [({"dev": 3}, "no split 'dev'; accepted: train, val"), ({"train": -1}, "give 0 or more")]
)
def test_wrong_counts_are_refused_at_once(per_class: dict[str, int], words: str):
    with pytest.raises(MmkdError, match=words):
        images(species_seed=0, seed=0, per_class=per_class)


def test_drawing_needs_no_deep_learning_library():
    code = (
        "import sys, mmkd_ray.fieldguide; "
        "print([name for name in ('torch', 'transformers', 'ray', 'vllm') if name in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"
