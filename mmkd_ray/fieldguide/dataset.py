"""The images of the field guide, split by split, class by class."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from mmkd_ray.errors import MmkdError
from mmkd_ray.fieldguide.questions import answers
from mmkd_ray.fieldguide.render import encode_png, render
from mmkd_ray.fieldguide.species import Species, individual, make_species
from mmkd_ray.fieldguide.spurious import kind_and_habitat
from mmkd_ray.fieldguide.traits import HABITATS, SHIFT_HABITATS, Picture

SPLITS: Final = ("train", "val", "test", "shift")
"""The splits; `shift` shows the same species in habitats that no other split has."""


@dataclass(frozen=True, slots=True)
class FieldGuideImage:
    """One image.

    Attributes:
        image_id: Stable and unique, such as "train/tavi-brosk/0007".
        png: The encoded pixels, 64 x 64 RGB.
        label: Index of the class, in the order of `make_species`.
        class_name: The species' name.
        split: One of `SPLITS`.
        attributes: The true answer of each question, by its id.
    """

    image_id: str
    png: bytes
    label: int
    class_name: str
    split: str
    attributes: dict[str, bool]


def picture_of(
    species: Species, *, label: int, split: str, number: int, seed: int, home_share: float | None = None
) -> Picture:
    """The description of one image; depends only on these arguments, not on how many images there are."""
    rng = np.random.default_rng([seed, SPLITS.index(split), label, number])
    picture = individual(species, rng, SHIFT_HABITATS if split == "shift" else HABITATS)
    if home_share is None:
        return picture
    _, habitat = kind_and_habitat(label, split, number, home_share)
    return replace(picture, scene=replace(picture.scene, habitat=habitat)) if habitat else picture


def images(
    *, species_seed: int, seed: int, per_class: Mapping[str, int], home_share: float | None = None
) -> Iterator[FieldGuideImage]:
    """Draw a data set, ordered by split, then class, then number.

    Args:
        species_seed: Seed of the species (see `make_species`).
        seed: Seed of the images. Image k of a class in a split is the same for all counts.
        per_class: {split: images per class}; a split that is left out is empty.
        home_share: Share of the training images in which the habitat betrays the kind of species (see `spurious.py`),
            the same birds elsewhere; None: habitats are independent of the species.

    Raises:
        MmkdError: A split is unknown or a count negative.
    """
    _check_counts(per_class)
    return _images(make_species(species_seed), seed, per_class, home_share)


def attributes_of(
    image_ids: Iterable[str], *, species_seed: int, seed: int, home_share: float | None = None
) -> dict[str, dict[str, bool]]:
    """The true answers about images of the field guide, by the image's id and the question's; nothing is drawn.

    Raises:
        MmkdError: An id is not one of this data set.
    """
    return {image_id: answers(picture) for image_id, picture in _pictures(image_ids, species_seed, seed, home_share)}


def draw(image_ids: Iterable[str], *, species_seed: int, seed: int, home_share: float | None = None) -> Iterator[bytes]:
    """The PNG of each image, by its id.

    Raises:
        MmkdError: An id is not one of this data set.
    """
    for _, picture in _pictures(image_ids, species_seed, seed, home_share):
        yield encode_png(render(picture))


def listed(species: tuple[Species, ...], per_class: Mapping[str, int]) -> Iterator[tuple[str, int, str]]:
    """Id, label and split of every image, in the order of `images`; nothing is drawn."""
    for split in SPLITS:
        for label, one in enumerate(species):
            for number in range(per_class.get(split, 0)):
                yield f"{split}/{one.slug}/{number:04d}", label, split


def group_of(image_id: str, label: int, home_share: float) -> str:
    """What an image of the spurious variant shows, in words: the kind of its species and, where bound, the habitat."""
    split, _, rest = image_id.partition("/")
    kind, habitat = kind_and_habitat(label, split, int(rest.rpartition("/")[2]), home_share)
    return f"{kind} bird, {habitat or 'elsewhere'}"


def _pictures(
    image_ids: Iterable[str], species_seed: int, seed: int, home_share: float | None
) -> Iterator[tuple[str, Picture]]:
    """What is to be seen in each image."""
    species = {one.slug: (label, one) for label, one in enumerate(make_species(species_seed))}
    for image_id in image_ids:
        split, _, rest = image_id.partition("/")
        slug, _, number = rest.partition("/")
        if split not in SPLITS or slug not in species or not number.isdecimal():
            raise MmkdError(f"The field guide of species seed {species_seed} has no image {image_id!r}.")
        label, one = species[slug]
        drawn = picture_of(one, label=label, split=split, number=int(number), seed=seed, home_share=home_share)
        yield image_id, drawn


def _check_counts(per_class: Mapping[str, int]) -> None:
    for split, count in per_class.items():
        if split not in SPLITS:
            raise MmkdError(f"The field guide has no split {split!r}; accepted: {', '.join(SPLITS)}.")
        if count < 0:
            raise MmkdError(f"The field guide's split {split!r} got {count} images per class; give 0 or more.")


def _images(
    species: tuple[Species, ...], seed: int, per_class: Mapping[str, int], home_share: float | None
) -> Iterator[FieldGuideImage]:
    for image_id, label, split in listed(species, per_class):
        number = int(image_id.rpartition("/")[2])
        picture = picture_of(species[label], label=label, split=split, number=number, seed=seed, home_share=home_share)
        yield FieldGuideImage(
            image_id=image_id,
            png=encode_png(render(picture)),
            label=label,
            class_name=species[label].name,
            split=split,
            attributes=answers(picture),
        )
