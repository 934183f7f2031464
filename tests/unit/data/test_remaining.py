from mmkd_ray.data.reading import MAX_PART_ROWS
from mmkd_ray.data.remaining import Remaining
from mmkd_ray.data.sources.base import Item


class Counted:
    """A source of many images; counts those that it has listed."""

    def __init__(self, images):
        self.images, self.listed = images, 0

    def items(self):
        for number in range(self.images):
            self.listed += 1
            yield Item(f"{number}.png", 0, "a", "train", stamp=str(number))


def test_parts_are_cut_as_they_are_taken_and_not_all_at_once():
    source = Counted(100_000)
    part = next(iter(Remaining(source)))
    assert len(part.items) == source.listed == MAX_PART_ROWS


def test_parts_that_are_read_are_left_out_and_images_that_are_held_are_known():
    earlier = {"300.png": ("300", "train/part-7.parquet"), "301.png": ("another", "train/part-7.parquet")}
    remaining = Remaining(Counted(600), frozenset(["train/part-00000.parquet"]), earlier)
    assert remaining.images == 600 - MAX_PART_ROWS
    assert [part.number for part in remaining] == [1, 2]
    assert [part.kept for part in remaining] == [{"300.png": "train/part-7.parquet"}, {}]
