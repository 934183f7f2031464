import pytest
import torch

from mmkd_ray.config import TrainConfig
from mmkd_ray.data.feed.order import epoch_batches, steps_per_epoch
from mmkd_ray.errors import DataError

CONFIG = TrainConfig(batch_size=8, epochs=2)


def rows(**arguments):
    return [batch.rows_B for batch in epoch_batches(27, CONFIG, **arguments)]


def test_an_epoch_has_full_batches_without_duplicates():
    epoch = rows(seed=0, epoch=0)
    assert [len(batch) for batch in epoch] == [8, 8, 8] == [8] * steps_per_epoch(27, CONFIG)
    assert len(set(torch.cat(epoch).tolist())) == 24


def test_epochs_and_seeds_differ_and_repeat():
    def first(**arguments):
        return rows(**arguments)[0].tolist()

    assert first(seed=0, epoch=0) == first(seed=0, epoch=0)
    assert first(seed=0, epoch=0) != first(seed=0, epoch=1)
    assert first(seed=0, epoch=0) != first(seed=1, epoch=0)


def test_a_continued_epoch_has_the_rest_of_its_batches():
    whole, rest = [list(epoch_batches(27, CONFIG, seed=3, epoch=1, start=start)) for start in (0, 1)]
    for one, other in zip(whole[1:], rest, strict=True):
        assert torch.equal(one.rows_B, other.rows_B)
        assert torch.equal(one.views.scale_B2, other.views.scale_B2)


def test_several_workers_train_on_the_batches_of_one_worker():
    alone = list(epoch_batches(27, CONFIG, seed=3, epoch=1))
    shares = [list(epoch_batches(27, CONFIG, seed=3, epoch=1, rank=rank, workers=2)) for rank in range(2)]
    for whole, left, right in zip(alone, *shares, strict=True):
        assert torch.equal(whole.rows_B, torch.cat([left.rows_B, right.rows_B]))
        assert torch.equal(whole.views.scale_B2, torch.cat([left.views.scale_B2, right.views.scale_B2]))


def test_fewer_images_than_a_batch_make_one_batch():
    assert [len(batch.rows_B) for batch in epoch_batches(5, CONFIG, seed=0, epoch=0)] == [5]


@pytest.mark.parametrize(("images", "workers"), [(64, 3), (64, 5), (27, 3), (5, 4), (64, 2)])
def test_every_row_is_dealt_out_to_any_number_of_workers(images, workers):
    config = CONFIG.model_copy(update={"batch_size": 16})
    alone = list(epoch_batches(images, config, seed=1, epoch=0))
    shares = [list(epoch_batches(images, config, seed=1, epoch=0, rank=r, workers=workers)) for r in range(workers)]
    for whole, *parts in zip(alone, *shares, strict=True):
        assert torch.equal(whole.rows_B, torch.cat([part.rows_B for part in parts]))
        sizes = [len(part.rows_B) for part in parts]
        assert max(sizes) - min(sizes) <= 1
        assert [part.weight for part in parts] == [size * workers / sum(sizes) for size in sizes]


def test_even_shares_all_weigh_one():
    assert {batch.weight for batch in epoch_batches(27, CONFIG, seed=0, epoch=0, rank=1, workers=4)} == {1.0}


def test_fewer_images_than_workers_are_refused():
    with pytest.raises(DataError, match="2 training images cannot be shared by 3 workers"):
        next(epoch_batches(2, CONFIG, seed=0, epoch=0, workers=3))
