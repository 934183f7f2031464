"""Predictions by a Ray cluster: Ray Data hands batches to actors, and those of a lost one to another."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence

import pyarrow as pa
import ray
import ray.data

from mmkd_ray.cluster.computing import prepare_to_compute
from mmkd_ray.cluster.connection import how_many
from mmkd_ray.cluster.environment import prepare_process
from mmkd_ray.prediction.finding import Picture
from mmkd_ray.prediction.predictor import BATCH, PictureReader, Predictor
from mmkd_ray.students.bundle import load_bundle

_BATCHES = 4
"""Batches of a block: what a worker is handed at a time, and does again if it is killed."""


class PredictingActor:
    """Input: a row `{pictures}` for each batch; output: a row for each picture (`rows.columns`)."""

    def __init__(self, place: str, explains: bool) -> None:
        prepare_process(offline=True)  # a bundle brings its weights
        prepare_to_compute(1)
        self._predict = Predictor(load_bundle(place), explains)
        self._read = PictureReader()

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Predict one batch."""
        (pickled,) = batch["pictures"].to_pylist()
        pictures = pickle.loads(pickled)  # noqa: S301 (by `_batches`)
        return self._predict(pictures, self._read(pictures))


def predict_spread(place: str, pictures: Sequence[Picture], *, explains: bool) -> Iterator[pa.Table]:
    """The rows of pictures, in order, some at a time, by every CPU of the connected cluster.

    Args:
        place: of the bundle, in reach of every node, as the pictures must be.
        pictures: all of them.
        explains: see `Predictor`.
    """
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    batches = _batches(pictures)
    blocks = -(-len(batches) // _BATCHES)
    rows = ray.data.from_items(batches, override_num_blocks=blocks).map_batches(
        PredictingActor,
        fn_constructor_args=(place, explains),
        batch_size=1,
        batch_format="pyarrow",
        num_cpus=1,
        compute=ray.data.ActorPoolStrategy(size=min(blocks, how_many(cpus=1, gpus=0))),
    )
    yield from rows.iter_batches(batch_size=None, batch_format="pyarrow")


def _batches(pictures: Sequence[Picture]) -> list[dict[str, bytes]]:
    """Each batch travels as one value, so that a worker is sent no other pictures than its own."""
    return [{"pictures": pickle.dumps(pictures[at : at + BATCH])} for at in range(0, len(pictures), BATCH)]
