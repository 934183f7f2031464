"""The contact sheet."""

from PIL import Image

from mmkd_ray.fieldguide import write_sheet


def test_writes_a_page_of_twelve_by_twelve(tmp_path):
    path = write_sheet(tmp_path / "new" / "sheet.png", species_seed=0, seed=0)
    with Image.open(path) as sheet:
        assert sheet.size == (12 * 64 * 2, 12 * 64 * 2)
