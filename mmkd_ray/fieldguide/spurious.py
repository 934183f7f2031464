"""The variant in which a habitat betrays the kind of a bird: in training, not in the test."""

from typing import Final

from mmkd_ray.fieldguide.species import SPECIES_COUNT

KINDS: Final = ("forest", "sea")
"""The kinds of species, named after the habitat that each is bound to."""

EXCEPTION: Final = 20
"""Of so many training images of a kind, one shows the other kind's habitat: the others are 95 %."""


def kind_and_habitat(label: int, split: str, number: int) -> tuple[str, str | None]:
    """Which kind of bird an image shows, and where.

    Kinds alternate from species to species, so that in each genus, whose species look alike, the habitat tells some of
    them apart. Of the training images 95 % show the kind's own habitat. As in Waterbirds, validation and test images
    show either habitat equally often.

    Args:
        label: Of the species.
        split: Of the image.
        number: Of the image among those of its species and split.

    Returns:
        The kind, and the habitat; None in the shift set, whose habitats are other ones.
    """
    kind = label % len(KINDS)
    if split == "shift":
        return KINDS[kind], None
    # Species have their exceptions at other numbers, spread evenly, so that the shares hold for a few images each too.
    place = label // len(KINDS)
    if split == "train":
        is_exception = (number + EXCEPTION * place * len(KINDS) // SPECIES_COUNT) % EXCEPTION == EXCEPTION - 1
    else:
        is_exception = (number + place) % 2 == 1
    return KINDS[kind], KINDS[1 - kind if is_exception else kind]
