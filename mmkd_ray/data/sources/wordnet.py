"""Classes of ImageNet by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


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
