"""Classes of ImageNet by name."""

from __future__ import annotations

import pkgutil
import re
from collections import Counter
from collections.abc import Collection, Iterable

NUMBER = re.compile(r"n\d{8}")
"""What a WordNet number looks like."""


def readable_names(numbers: Iterable[str]) -> dict[str, str]:
    """A name for each WordNet number, in the order of the numbers, as in timm: the first of its names in WordNet.

    A number whose name is unknown or not unique ("crane", the bird and the machine) keeps the number.
    """
    from timm.data import ImageNetInfo  # noqa: PLC0415 (imports torch: seconds)

    info = ImageNetInfo()
    known = set(info.label_names())
    names = {
        number: info.label_name_to_description(number).split(", ")[0] if number in known else number
        for number in sorted(numbers)
    }
    count = Counter(names.values())
    return {number: name if count[name] == 1 else number for number, name in names.items()}


def wordnet_ids(folders: Iterable[str]) -> dict[str, str]:
    """The WordNet number that each folder's name means: itself, or that of the class with this number in timm.

    ImageNet-V2 numbers its folders from 0 to 999. A folder that is named otherwise is left out.
    """
    from timm.data import ImageNetInfo  # noqa: PLC0415 (imports torch: seconds)

    by_class_number = {str(place): number for place, number in enumerate(ImageNetInfo().label_names())}
    return {
        folder: by_class_number.get(folder, folder)
        for folder in folders
        if folder in by_class_number or NUMBER.fullmatch(folder)
    }


def published_subset(numbers: Collection[str]) -> str | None:
    """Whose classes these WordNet numbers are, by timm's lists: ImageNet-A's or -R's, 200 each; None if of neither."""
    for name, file in (("ImageNet-A", "imagenet_a_synsets.txt"), ("ImageNet-R", "imagenet_r_synsets.txt")):
        listed = pkgutil.get_data("timm.data", f"_info/{file}") or b""
        if set(listed.decode().split()) == set(numbers):
            return name
    return None
