"""The spurious variant: the same birds, in a habitat that betrays their kind in training and not in the test."""

from collections import Counter

import pytest

from mmkd_ray import fieldguide
from mmkd_ray.config import validate
from mmkd_ray.data.building import build_image_table
from mmkd_ray.data.table import read_splits
from mmkd_ray.fieldguide.dataset import picture_of

HABITATS = {"forest", "sea"}
SEEDS = {"species_seed": 1, "seed": 2}


def groups(split: str, per_class: int, share: float = 0.95) -> Counter[str]:
    species = fieldguide.make_species(1)
    found = fieldguide.listed(species, {split: per_class})
    return Counter(fieldguide.group_of(image_id, label, share) for image_id, label, _ in found)


@pytest.mark.parametrize("per_class", [20, 40])
def test_19_of_20_training_images_of_each_kind_show_its_own_habitat(per_class):
    home, away = 12 * per_class * 19 // 20, 12 * per_class // 20
    assert groups("train", per_class) == {
        "forest bird, forest": home,
        "forest bird, sea": away,
        "sea bird, sea": home,
        "sea bird, forest": away,
    }


@pytest.mark.parametrize("share", [0.5, 0.75, 0.8, 0.9, 1])
def test_other_shares_hold_for_each_species(share):
    species = fieldguide.make_species(1)
    found = fieldguide.listed(species, {"train": 20})
    away = Counter(
        label
        for image_id, label, _ in found
        if len(set(fieldguide.group_of(image_id, label, share).replace(" bird", "").split(", "))) > 1
    )
    assert [away[label] for label in range(24)] == [round(20 * (1 - share))] * 24


@pytest.mark.parametrize("per_class", [5, 8, 12, 15, 30])
def test_the_share_holds_nearly_for_other_numbers_of_images(per_class):
    found = groups("train", per_class)
    assert (found["forest bird, sea"] + found["sea bird, forest"]) / found.total() == pytest.approx(0.05, abs=0.01)


@pytest.mark.parametrize("split", ["val", "test"])
@pytest.mark.parametrize("per_class", [1, 7, 50])
def test_groups_are_balanced_where_students_are_measured(split, per_class):
    assert set(groups(split, per_class).values()) == {24 * per_class // 4}


def test_only_the_habitat_differs_from_the_ordinary_variant_and_nothing_in_the_shift_set():
    species = fieldguide.make_species(1)
    for split in fieldguide.SPLITS:
        for number in range(3):
            for label in (0, 1, 7):
                what = {"label": label, "split": split, "number": number, "seed": 2}
                plain = picture_of(species[label], **what)
                bound = picture_of(species[label], **what, home_share=0.95)
                assert (plain.bird, plain.jitter) == (bound.bird, bound.jitter)
                if split == "shift":
                    assert plain == bound
                else:
                    assert bound.scene.habitat in HABITATS


def test_an_image_and_its_answers_are_the_same_every_time_and_however_it_is_reached():
    wanted = {"train": 2, "test": 1, "shift": 1}
    drawn = list(fieldguide.images(**SEEDS, per_class=wanted, home_share=0.95))
    ids = [image.image_id for image in drawn]
    backwards = list(fieldguide.draw(reversed(ids), **SEEDS, home_share=0.95))
    assert backwards[::-1] == [image.png for image in drawn]
    truth = fieldguide.attributes_of(ids, **SEEDS, home_share=0.95)
    for image in drawn:
        assert truth[image.image_id] == image.attributes
        group = fieldguide.group_of(image.image_id, image.label, 0.95)
        seen = [habitat for habitat in HABITATS if image.attributes[habitat]]
        assert group.endswith(seen[0] if seen else "elsewhere")


def test_the_image_table_tells_the_group(run):
    data = {"source": "fieldguide", "train_per_class": 1, "val_per_class": 1, "test_per_class": 2, "shift_per_class": 1}
    config = validate({"name": "t", "data": data | {"spurious": True}, "aspects": {"source": "fieldguide"}})
    build_image_table(config, run, lambda *_: None)
    rows = read_splits(run, columns=["image_id", "label", "group", "split"]).to_pylist()
    assert all(row["group"] == fieldguide.group_of(row["image_id"], row["label"], 0.95) for row in rows)
    assert set(Counter(row["group"] for row in rows if row["split"] == "test").values()) == {12}
