import base64
import io

import numpy as np
from PIL import Image

from mmkd_ray.report.contact_sheets import GAP, MAX_SIDE, attack_row, strip


def decoded(uri: str) -> np.ndarray:
    head, _, data = uri.partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def flat(value: int, side: int = 8) -> np.ndarray:
    return np.full((side, side, 3), value, np.uint8)


def test_pictures_stand_side_by_side_pixel_for_pixel():
    shown = decoded(strip([flat(10), flat(200)]))
    assert shown.shape == (8, 16 + GAP, 3)
    assert (shown[:, :8] == 10).all()
    assert (shown[:, 8 : 8 + GAP] == 255).all()
    assert (shown[:, -8:] == 200).all()


def test_large_pictures_are_made_smaller():
    assert decoded(strip([flat(10, side=300)])).shape == (MAX_SIDE, MAX_SIDE, 3)


def test_the_difference_is_ten_times_what_was_added_around_grey():
    shown = decoded(attack_row("ce", flat(100), flat(103)).uri)
    assert [int(shown[0, at, 0]) for at in (0, 8 + GAP, 16 + 2 * GAP)] == [100, 103, 158]
