"""Species: the traits of the classes of the data set, drawn from a seed."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np

from mmkd_ray.fieldguide.names import make_names
from mmkd_ray.fieldguide.traits import (
    BACKS,
    BELLIES,
    HABITATS,
    HEADS,
    MARKS,
    PATTERNS,
    POSES,
    Bird,
    Picture,
    choose,
    random_bird,
    random_jitter,
    random_scene,
)

GENERA: Final = 8
SPECIES_PER_GENUS: Final = 3
SPECIES_COUNT: Final = GENERA * SPECIES_PER_GENUS
_SIBLING_PATTERNS: Final = ((1, 1, 1), (1, 1, 2), (2, 1, 1), (1, 2, 1))
"""Number of traits changed in both later siblings, only in the second, only in the third: any two differ by 2 or 3."""

PLUMAGE_TRAITS: Final = 5
"""How many traits differ between the two plumages of a species."""

DROP_OUT: Final = 0.06
"""Probability that an individual shows a random value of a trait in place of its species' value."""

PREFERENCE: Final = 0.4
"""Probability that an individual has its species' preferred habitat, and likewise pose; else they are random."""

_OPTIONS: Final[dict[str, tuple[str, ...]]] = {"back": BACKS, "belly": BELLIES, "head": HEADS, "pattern": PATTERNS}


@dataclass(frozen=True, slots=True)
class Species:
    """A class of the data set.

    Attributes:
        name: Readable and unique; without any hint of the species' traits.
        genus: Index of the genus; species of a genus look alike.
        plumages: The two looks of the species.
        habitat: Its most frequent habitat.
        pose: Its most frequent pose.
    """

    name: str
    genus: int
    plumages: tuple[Bird, Bird]
    habitat: str
    pose: str

    @property
    def slug(self) -> str:
        """The name for use in an image id."""
        return self.name.lower().replace(" ", "-")


def distance(one: Bird, other: Bird) -> int:
    """The number of traits in which two birds differ."""
    return sum(getattr(one, field.name) != getattr(other, field.name) for field in fields(Bird))


def make_species(seed: int) -> tuple[Species, ...]:
    """Draw 24 species in 8 genera.

    Within a genus, the first plumages of any two species differ by 2 or 3 traits. Another seed gives other species with
    other names.
    """
    rng = np.random.default_rng([seed, 24])
    names = make_names(rng, genera=GENERA, species_per_genus=SPECIES_PER_GENUS)
    species = []
    for genus in range(GENERA):
        for number, bird in enumerate(_siblings(rng)):
            species.append(
                Species(
                    name=names[genus][number],
                    genus=genus,
                    plumages=(bird, _changed(bird, _pick_traits(rng, PLUMAGE_TRAITS), rng)),
                    habitat=choose(rng, HABITATS),
                    pose=choose(rng, POSES),
                )
            )
    return tuple(species)


def individual(species: Species, rng: np.random.Generator, habitats: tuple[str, ...] = HABITATS) -> Picture:
    """A picture of one individual of a species.

    `habitats` are the possible ones; the species' preferred habitat is used only if it is one of them.
    """
    plumage = species.plumages[int(rng.random() < 0.5)]
    other = random_bird(rng)
    dropped = rng.random(len(fields(Bird))) < DROP_OUT
    changes = {
        field.name: getattr(other, field.name) for field, drop in zip(fields(Bird), dropped, strict=True) if drop
    }
    scene = random_scene(rng, habitats)
    at_home, as_usual = rng.random(2) < PREFERENCE
    if at_home and species.habitat in habitats:
        scene = replace(scene, habitat=species.habitat)
    if as_usual:
        scene = replace(scene, pose=species.pose)
    return Picture(replace(plumage, **changes), scene, random_jitter(rng))


def _siblings(rng: np.random.Generator) -> tuple[Bird, Bird, Bird]:
    """Three birds of which any two differ by 2 or 3 traits."""
    first = random_bird(rng)
    shared, only_second, only_third = _SIBLING_PATTERNS[int(rng.integers(len(_SIBLING_PATTERNS)))]
    traits = _pick_traits(rng, shared + only_second + only_third)
    base = _changed(first, traits[:shared], rng)
    second = _changed(base, traits[shared : shared + only_second], rng)
    third = _changed(base, traits[shared + only_second :], rng)
    return (first, second, third)


def _pick_traits(rng: np.random.Generator, count: int) -> tuple[str, ...]:
    names = (*MARKS, *_OPTIONS)
    return tuple(names[int(i)] for i in rng.permutation(len(names))[:count])


def _changed(bird: Bird, traits: Sequence[str], rng: np.random.Generator) -> Bird:
    changes: dict[str, Any] = {}
    for trait in traits:
        value = getattr(bird, trait)
        if trait in _OPTIONS:
            changes[trait] = choose(rng, tuple(option for option in _OPTIONS[trait] if option != value))
        else:
            changes[trait] = not value
    return replace(bird, **changes)
