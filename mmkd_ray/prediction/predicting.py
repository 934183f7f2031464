"""Predictions of any number of images: few by this process, many by a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from mmkd_ray.artifacts import Folder
from mmkd_ray.config import ClusterConfig
from mmkd_ray.errors import ArtifactError, few
from mmkd_ray.prediction import rows
from mmkd_ray.prediction.explaining import require_explainable
from mmkd_ray.prediction.finding import Picture
from mmkd_ray.prediction.here import predict_here
from mmkd_ray.prediction.predictor import Predictor
from mmkd_ray.students.bundle import CARD, Bundle, load_bundle
from mmkd_ray.students.card import Card

HERE = 2_500
"""So many images are predicted by this process: a private cluster takes about as long to start."""


@dataclass(frozen=True)
class PredictionJob:
    """A student that is to predict."""

    place: str
    bundle: Bundle
    explains: bool
    """Whether rows say why."""

    @classmethod
    def by(cls, place: str, *, explains: bool = False) -> PredictionJob:
        """The student in a folder.

        Raises:
            ArtifactError: it is no bundle but a run, say; or it cannot explain.
        """
        folder = Folder.at(place)
        _refuse_run(folder, place)
        bundle = load_bundle(folder)
        if explains:
            require_explainable(bundle.card)
        return cls(folder.address, bundle, explains)

    @property
    def card(self) -> Card:
        """Of the student."""
        return self.bundle.card

    @property
    def columns(self) -> pa.Schema:
        """Of its rows."""
        return rows.columns(self.card, explains=self.explains)

    def of(self, pictures: Sequence[Picture], announce: Callable[[str], None]) -> Iterator[pa.Table]:
        """The rows of pictures, in order, some at a time; a cluster is used for more than `HERE`.

        Args:
            pictures: all of them.
            announce: told which cluster it is, if there is one.

        Raises:
            ClusterError: it cannot be used.
        """
        if len(pictures) <= HERE:
            yield from predict_here(Predictor(self.bundle, self.explains), pictures)
            return
        from mmkd_ray.cluster.connection import connect  # noqa: PLC0415 (seconds; not for few)
        from mmkd_ray.prediction.spreading import predict_spread  # noqa: PLC0415

        with connect(ClusterConfig()) as description:
            announce(description)
            yield from predict_spread(self.place, pictures, explains=self.explains)


def _refuse_run(folder: Folder, place: str) -> None:
    study = folder.child("study")
    if students := [name for name in study.names() if study.child(name).exists(CARD)]:
        there = few((f"{place.rstrip('/')}/study/{name}" for name in students), most=8)
        raise ArtifactError(f"'{place}' is a run; give one of its students: {there}")
