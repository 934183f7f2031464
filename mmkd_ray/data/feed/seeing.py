"""From the batches of a feed to what a student sees; made ahead of the step that needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from mmkd_ray.data.feed.loader import Loader
from mmkd_ray.data.feed.look import Look, seen
from mmkd_ray.data.feed.order import Batch
from mmkd_ray.data.feed.pixels import Feed, Pixels
from mmkd_ray.data.feed.prefetch import prefetched
from mmkd_ray.data.views import apply_views, brighten

Made = TypeVar("Made")


class Viewer:
    """Shows the images of one training."""

    def __init__(self, feed: Feed, look: Look, device: torch.device) -> None:
        """Nothing is read yet.

        Args:
            feed: the training images.
            look: how they are seen.
            device: where what is seen goes.
        """
        self._feed, self._look, self._device = feed, look, device
        self._threads: ThreadPoolExecutor | None = None
        self._loader: Loader | None = None

    def see(self, batch: Batch) -> Float[Tensor, "B 3 S S"]:
        """What a student sees of a batch, values in [0, 1], on the device."""
        if isinstance(self._feed, Pixels) and self._look.config.views == "light":
            images_BCHW = self._feed.take(batch.rows_B).to(self._device, non_blocking=True)
            return _mixed(batch, apply_views(images_BCHW, batch.views, size=self._look.size))
        places = self._feed.places(batch.rows_B).tolist()
        return self._finished(batch, seen(self._feed.pictures, self._look, places, batch.views, self._each))

    def ahead(
        self, batches: Iterable[Batch], make: Callable[[Batch, Float[Tensor, "B 3 S S"]], Made]
    ) -> Iterator[Made]:
        """Yield `make(batch, what is seen of it)` for each batch, in order; the next is prepared while one is used.

        By a thread, because the images are in this process's memory; by processes where transforms of torchvision
        follow, because they draw from a process's only generator.
        """
        batches = self._expected(batches)
        if not self._look.config.augments:
            yield from prefetched(batches, lambda batch: make(batch, self.see(batch)))
            return
        if self._loader is None:
            self._loader = Loader(self._feed, self._look)
        for batch, seen_B3SS in self._loader(batches):
            yield make(batch, self._finished(batch, seen_B3SS))

    def _expected(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The same batches; while one is seen, the pictures of the next are read where the disk alone holds them."""
        waiting: list[Batch] = []
        for batch in batches:
            self._feed.pictures.expect(self._feed.places(batch.rows_B).tolist())
            yield from waiting
            waiting = [batch]
        yield from waiting

    def _each(self, function: Callable[[int], Tensor], rows: Sequence[int]) -> Iterable[Tensor]:
        """`map` by as many threads as torch may use here, because it and decoders release the GIL."""
        count = torch.get_num_threads()
        if count == 1 or self._look.config.augments:
            return map(function, rows)
        if self._threads is None:
            self._threads = ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,))
        # A task of many rows for each: to hand over one costs as much as a small picture.
        shares = [rows[share * len(rows) // count : (share + 1) * len(rows) // count] for share in range(count)]
        return chain.from_iterable(self._threads.map(lambda share: [function(row) for row in share], shares))

    def _finished(self, batch: Batch, seen_B3SS: Tensor) -> Float[Tensor, "B 3 S S"]:
        return _mixed(batch, brighten(seen_B3SS.to(self._device, non_blocking=True), batch.views))


def _mixed(batch: Batch, images_B3SS: Tensor) -> Float[Tensor, "B 3 S S"]:
    return images_B3SS if batch.mix is None else batch.mix.images(images_B3SS)
