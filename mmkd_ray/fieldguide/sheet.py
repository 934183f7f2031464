"""A contact sheet: many pictures of the field guide on one page."""

from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from mmkd_ray.fieldguide.dataset import picture_of
from mmkd_ray.fieldguide.render import render
from mmkd_ray.fieldguide.species import make_species
from mmkd_ray.fieldguide.traits import Picture, random_picture

_COLUMNS: Final = 12
_RANDOM_ROWS: Final = 4
_SPECIES_ROWS: Final = 6
_SHIFT_ROWS: Final = 2
_MAGNIFICATION: Final = 2


def write_sheet(path: Path | str, *, species_seed: int, seed: int) -> Path:
    """Write a page of pictures and return its path.

    The upper rows are random birds (what the teacher learns from), the middle ones show one species per row, the last
    ones species in the habitats of the shift set.
    """
    rows = _random_rows(seed) + _species_rows(species_seed, seed)
    sheet_HWC = np.concatenate([np.concatenate([render(picture) for picture in row], axis=1) for row in rows], axis=0)
    image = Image.fromarray(sheet_HWC)
    size = (image.width * _MAGNIFICATION, image.height * _MAGNIFICATION)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.resize(size, Image.Resampling.NEAREST).save(path)
    return path


def _random_rows(seed: int) -> list[list[Picture]]:
    return [
        [random_picture(np.random.default_rng([seed, row, column])) for column in range(_COLUMNS)]
        for row in range(_RANDOM_ROWS)
    ]


def _species_rows(species_seed: int, seed: int) -> list[list[Picture]]:
    species = make_species(species_seed)

    def row(label: int, split: str) -> list[Picture]:
        return [
            picture_of(species[label], label=label, split=split, number=number, seed=seed) for number in range(_COLUMNS)
        ]

    rows = [row(label, "train") for label in range(_SPECIES_ROWS)]
    return rows + [row(label, "shift") for label in range(_SHIFT_ROWS)]
