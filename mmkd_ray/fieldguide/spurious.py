"""The variant in which a habitat betrays the kind of a bird: in training, not in the test."""

from typing import Final

from mmkd_ray.fieldguide.species import SPECIES_COUNT

KINDS: Final = ("forest", "sea")
"""The kinds of species, named after the habitat that each is bound to."""

_WHOLE: Final = 1000
"""Shares are counted in parts of it."""


def kind_and_habitat(label: int, split: str, number: int, home_share: float) -> tuple[str, str | None]:
    """Which kind of bird an image shows, and where.

    Kinds alternate from species to species, so that in each genus, whose species look alike, the habitat tells some of
    them apart. As in Waterbirds, validation and test images show either habitat equally often.

    Args:
        label: Of the species.
        split: Of the image.
        number: Of the image among those of its species and split.
        home_share: Share of a kind's training images that show its own habitat, to three decimals.

    Returns:
        The kind, and the habitat; None in the shift set, whose habitats are other ones.
    """
    kind = label % len(KINDS)
    if split == "shift":
        return KINDS[kind], None
    place = label // len(KINDS)
    if split == "train":
        is_exception = _is_exception(number, place, _WHOLE - round(_WHOLE * home_share))
    else:
        is_exception = (number + place) % 2 == 1
    return KINDS[kind], KINDS[1 - kind if is_exception else kind]


def _is_exception(number: int, place: int, exceptions: int) -> bool:
    """Whether the other kind's habitat is shown, as in so many of 1,000 images of a species, evenly spread.

    Species have their exceptions at other numbers, so that the shares hold for a few images each too.
    """
    if exceptions == 0:
        return False
    first = number + _WHOLE * place * len(KINDS) // (exceptions * SPECIES_COUNT)
    return (first + 1) * exceptions // _WHOLE > first * exceptions // _WHOLE
