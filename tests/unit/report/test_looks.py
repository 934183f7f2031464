"""What probes do to images, with real corruptions, and an adversary of the test's own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from mmkd_ray.config import EvaluateConfig
from mmkd_ray.data.feed.pixels import Pixels
from mmkd_ray.evaluate.probes import PROBES, Seen
from mmkd_ray.evaluate.probes.clean import Clean
from mmkd_ray.report.contact_sheets import GAP
from mmkd_ray.report.families import epsilon_text
from mmkd_ray.report.looks import attack_sheet, corruption_sheet
from tests.support.toy_student import student
from tests.unit.report.test_contact_sheets import decoded

CONFIG = EvaluateConfig()
SIDE = 32


@pytest.fixture
def images() -> Pixels:
    values_2 = torch.tensor([100, 120], dtype=torch.uint8)
    return Pixels(
        ["test/owl/1", "test/owl/2"],
        ["test"] * 2,
        torch.tensor([0, 0]),
        values_2[:, None, None, None].expand(2, 3, SIDE, SIDE),
    )


@dataclass(frozen=True)
class Brighter(Clean):
    """An adversary that adds one 255th, and gives the images in another order."""

    name: str = "brighter"

    def seen(self, images, severity, student, config):
        ids = images.image_ids[::-1]
        made = torch.stack([images.picture(1), images.picture(0)]).float() / 255 + 1 / 255
        return Seen(ids, images.splits, images.labels_N, lambda size: iter(made.split(size)))


def test_an_image_is_shown_under_each_corruption_at_each_severity(images):
    probes = [PROBES["contrast"], PROBES["gaussian_noise"]]
    sheet = corruption_sheet(images.subset([1]), probes, student(), CONFIG)
    assert sheet.heads == ("clean", "1", "2", "3", "4", "5")
    assert "test/owl/2" in sheet.lead
    assert [row.name for row in sheet.rows] == ["contrast", "gaussian_noise"]
    noisy = decoded(sheet.rows[1].uri)
    spreads = [noisy[:, at : at + SIDE].std() for at in range(0, 6 * (SIDE + GAP), SIDE + GAP)]
    assert spreads == sorted(spreads)
    assert spreads[0] == 0 < spreads[1]


def test_an_attack_is_shown_beside_what_it_adds_image_by_image(images):
    sheet = attack_sheet(images, Brighter(), {"ce": student()}, CONFIG)
    assert [row.name for row in sheet.rows] == ["ce, test/owl/1", "ce, test/owl/2"]
    shown = np.stack([decoded(row.uri)[0, :: SIDE + GAP, 0] for row in sheet.rows])
    np.testing.assert_array_equal(shown, [[100, 101, 138], [120, 121, 138]])


def test_how_far_an_attack_goes_has_its_unit():
    assert epsilon_text(PROBES["attack_pgd"], 0.5) == "0.5/255"
    assert epsilon_text(PROBES["attack_autoattack_l2"], 0.25) == "0.25"
