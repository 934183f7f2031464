"""trackio: the run is a project, a student or trial a run of it. `TRACKIO_DIR` says where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmkd_ray.tracking.tracker import Subject, plain


class Trackio:
    """A run of trackio's; it is found again by its name, which therefore holds the key."""

    def __init__(self, subject: Subject, trackio: Any) -> None:
        """Begin the subject's run, or continue it.

        Args:
            subject: what is tracked.
            trackio: the package.
        """
        name = f"{subject.name} {subject.key}"
        self._run = trackio.init(
            project=subject.group, name=name, config=plain(subject.params), resume="allow", embed=False
        )
        # trackio looks up the last step of a run that it continues, and has no public name for it.
        self._next = getattr(self._run, "_next_step", 0)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Keep the values of an epoch: see `Tracker.log`."""
        if step >= self._next:
            self._run.log(dict(values), step=step)
            self._next = step + 1

    def close(self) -> None:
        """Write what is left."""
        self._run.finish()
