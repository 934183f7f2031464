import pytest
import torch
from scipy.stats import ks_2samp
from torchvision.transforms import RandomResizedCrop
from torchvision.transforms.v2 import functional

from mmkd_ray.data.views import Views, apply_views, draw_views, resized_crop

WHOLE = {"scale_B2": torch.ones(1, 2), "centre_B2": torch.zeros(1, 2), "brightness_B": torch.ones(1)}


def image():
    return torch.randint(0, 256, (1, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_a_view_of_the_whole_image_is_the_image():
    views = Views(flipped_B=torch.tensor([False]), **WHOLE)
    assert torch.allclose(apply_views(image(), views, size=8), image() / 255, atol=1e-5)


def test_a_flip_mirrors_left_and_right():
    views = Views(flipped_B=torch.tensor([True]), **WHOLE)
    assert torch.allclose(apply_views(image(), views, size=8), image().flip(3) / 255, atol=1e-5)


def test_a_crop_shows_its_part_and_brightness_scales():
    views = Views(
        scale_B2=torch.full((1, 2), 0.5),
        centre_B2=torch.tensor([[-0.5, 0.5]]),  # left, bottom
        flipped_B=torch.tensor([False]),
        brightness_B=torch.tensor([0.5]),
    )
    assert torch.allclose(apply_views(image(), views, size=4), image()[:, :, 4:, :4] / 255 / 2, atol=1e-5)


def test_drawn_views_stay_in_the_image_and_in_their_ranges():
    views = draw_views(
        5000, crop_scale=(0.4, 0.9), flip=0.25, brightness=0.3, generator=torch.Generator().manual_seed(0)
    )
    assert (views.centre_B2.abs() + views.scale_B2 <= 1 + 1e-5).all()
    assert (views.scale_B2.prod(dim=1) <= 0.9 + 1e-5).all()
    assert abs(views.flipped_B.float().mean() - 0.25) < 0.03
    assert views.brightness_B.min() >= 0.7
    assert views.brightness_B.max() <= 1.3


def test_part_of_a_batch_has_the_same_views_as_the_whole():
    images = torch.randint(0, 256, (6, 3, 8, 8), dtype=torch.uint8)
    views = draw_views(6, crop_scale=(0.5, 1), flip=0.5, brightness=0.2, generator=torch.Generator().manual_seed(1))
    whole = apply_views(images, views, size=8)
    assert torch.allclose(apply_views(images[2:4], views[2:4], size=8), whole[2:4])


@pytest.mark.parametrize(("width", "height"), [(4096, 4096), (4096, 2560), (2560, 4096), (4096, 1024), (1024, 4096)])
def test_redrawn_crops_are_distributed_as_torchvisions(width, height):
    count, scale, ratio = 10_000, (0.5, 1.0), width / height
    views = draw_views(
        count, crop_scale=scale, flip=0, brightness=0, crop="redraw", ratios_B=torch.full((count,), ratio),
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    picture = torch.empty(3, height, width, device="meta")
    torch.manual_seed(0)
    theirs = torch.tensor(
        [RandomResizedCrop.get_params(picture, list(scale), [3 / 4, 4 / 3]) for _ in range(count)]
    ).double()
    top, left, high, wide = theirs.T / torch.tensor([[height], [width], [height], [width]])
    ours = {
        "area": views.scale_B2.prod(dim=1),
        "width": views.scale_B2[:, 0],
        "height": views.scale_B2[:, 1],
        "left": (views.centre_B2[:, 0] - views.scale_B2[:, 0] + 1) / 2,
        "top": (views.centre_B2[:, 1] - views.scale_B2[:, 1] + 1) / 2,
    }
    wanted = {"area": high * wide, "width": wide, "height": high, "left": left, "top": top}
    for name, drawn in ours.items():
        # To the pixel, as torchvision: crops that none was drawn for are all alike.
        assert ks_2samp((drawn * 1024).round().numpy(), (wanted[name] * 1024).round().numpy()).statistic < 0.03, name
    assert width != height or abs(ours["area"].mean() - 0.692) < 0.006


@pytest.mark.parametrize("flipped", [False, True])
def test_a_resized_crop_is_torchvisions(flipped):
    picture = torch.randint(0, 256, (3, 60, 80), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    view = Views(torch.tensor([[0.5, 0.6]]), torch.tensor([[0.25, -0.4]]), torch.tensor([flipped]), torch.ones(1))
    theirs = functional.resized_crop(picture, 0, 30, 36, 40, [24, 24], antialias=True)
    assert torch.equal(resized_crop(picture, view, size=24), theirs.flip(2) if flipped else theirs)


def test_clamped_crops_are_larger_and_unchanged():
    views = draw_views(20_000, crop_scale=(0.5, 1.0), flip=0, brightness=0, generator=torch.Generator().manual_seed(0))
    assert abs(views.scale_B2.prod(dim=1).mean() - 0.739) < 0.004
    assert abs((views.scale_B2 == 1).any(dim=1).float().mean() - 0.266) < 0.01


def test_a_crop_that_never_fits_is_the_whole_image():
    views = draw_views(
        50, crop_scale=(1.0, 1.0), flip=0, brightness=0, crop="redraw", generator=torch.Generator().manual_seed(0)
    )
    assert (views.scale_B2 == 1).all()
    assert (views.centre_B2 == 0).all()
