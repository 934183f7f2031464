from importlib.resources import files

import pytest
from timm.data import ImageNetInfo

from mmkd_ray.data.sources.wordnet import published_subset, wordnet_ids


def test_class_numbers_are_those_of_timm():
    assert wordnet_ids(["0", "999", "n01498041", "1000", "cats"]) == {
        "0": "n01440764", "999": "n15075141", "n01498041": "n01498041",
    }  # fmt: skip


@pytest.mark.parametrize("letter", ["A", "R"])
def test_the_published_200_are_known(letter):
    # timm has them by class number, too.
    places = (files("timm.data") / f"_info/imagenet_{letter.lower()}_indices.txt").read_text().split()
    names = ImageNetInfo().label_names()
    numbers = [names[int(place)] for place in places]
    assert published_subset(numbers) == f"ImageNet-{letter}"
    assert published_subset(numbers[1:]) is None
