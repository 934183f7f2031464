"""Species: siblings alike, genera apart, names that give nothing away."""

import itertools
from dataclasses import fields

import numpy as np
import pytest

from mmkd_ray.fieldguide import QUESTIONS, make_species
from mmkd_ray.fieldguide.species import GENERA, PLUMAGE_TRAITS, SPECIES_COUNT, distance, individual
from mmkd_ray.fieldguide.traits import SHIFT_HABITATS, Bird

SEEDS = (0, 1, 2)


@pytest.mark.parametrize("seed", SEEDS)
def test_siblings_differ_by_two_or_three_traits(seed: int):
    for one, other in itertools.combinations(make_species(seed), 2):
        traits = distance(one.plumages[0], other.plumages[0])
        assert traits in (2, 3) if one.genus == other.genus else traits > 3


@pytest.mark.parametrize("seed", SEEDS)
def test_two_plumages_differ_by_five_traits(seed: int):
    assert {distance(*species.plumages) for species in make_species(seed)} == {PLUMAGE_TRAITS}


@pytest.mark.parametrize("seed", SEEDS)
def test_names_are_unique_and_do_not_reveal_traits(seed: int):
    species = make_species(seed)
    assert len({each.slug for each in species}) == SPECIES_COUNT
    assert len({each.genus for each in species}) == GENERA
    words = {
        word.strip("?").lower()
        for question in QUESTIONS
        for wording in (question.text, *question.paraphrases)
        for word in wording.split()
    }
    assert not words & {word.lower() for each in species for word in each.name.split()}


def test_a_seed_gives_the_same_species_and_another_seed_others():
    assert make_species(5) == make_species(5)
    assert not {each.name for each in make_species(5)} & {each.name for each in make_species(6)}


def test_individuals_vary_around_their_plumages():
    species = make_species(0)[0]
    pictures = [individual(species, np.random.default_rng([9, i])) for i in range(400)]
    nearest = [min(distance(picture.bird, plumage) for plumage in species.plumages) for picture in pictures]
    # 22 traits, each replaced at random with probability 0.06, half of the marks by the value they had.
    assert 0.3 < np.mean(nearest) < 1.2
    assert len(fields(Bird)) == 22
    at_home = np.mean([picture.scene.habitat == species.habitat for picture in pictures])
    assert at_home == pytest.approx(0.4 + 0.6 / 5, abs=0.08)


def test_a_preferred_habitat_is_not_used_if_it_is_not_possible():
    species = make_species(0)[0]
    rng = np.random.default_rng(0)
    assert all(individual(species, rng, SHIFT_HABITATS).scene.habitat in SHIFT_HABITATS for _ in range(50))
