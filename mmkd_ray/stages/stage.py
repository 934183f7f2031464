"""What a stage is: one piece of the workflow, as the pipeline, the command line and the jobs know it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from mmkd_ray.artifacts import Folder, Run
    from mmkd_ray.config import Config
    from mmkd_ray.console import Table

Check = Callable[..., str]
"""Called with the configuration and the run: finds what would stop a stage, and says in a few words what it found."""


@dataclass(frozen=True)
class Stage:
    """One piece of the workflow. Options of its command, if it has some, are the fields of the dataclass.

    What does the work is imported by the methods: ray and torch take seconds, and `mmkd --help` needs neither.
    """

    name: ClassVar[str]
    """The first word of its lines on the terminal."""
    command: ClassVar[str]
    """What follows `mmkd`."""
    help: ClassVar[str]
    """One line for the command line."""
    again: ClassVar[str] = "the same command"
    """What continues it after it was stopped."""
    unit: ClassVar[str] = ""
    """What its progress counts, in the plural."""
    rated: ClassVar[str] = ""
    """Another count whose rate is shown."""
    first: ClassVar[tuple[type[Stage], ...]] = ()
    """Stages that its command does first."""
    checks: ClassVar[tuple[Check, ...]] = ()
    """What is checked before any stage of a command begins."""

    def is_wanted(self, config: Config) -> bool:
        """Whether a whole run includes the stage."""
        return True

    def needs_cluster(self, config: Config, run: Run) -> bool:
        """Whether something is left to do that takes a Ray cluster.

        Raises:
            ArtifactError: what an earlier stage makes is not there.
        """
        return False

    def artifact(self, run: Run) -> Folder | None:
        """Where the record goes that says whether the stage has been done; None if it is done anew each time."""
        return None

    def run(self, config: Config, run: Run, progress: Any) -> Any:
        """Do what is not done yet, and give the record of it.

        Args:
            config: the run's configuration.
            run: with what earlier stages make.
            progress: called with (done, total, other counts) in the stage's `unit`.
        """
        raise NotImplementedError

    def remark(self, config: Config, run: Run, record: Any) -> str:
        """What the stage's last line says of the record."""
        raise NotImplementedError

    def notes(self, config: Config, run: Run, record: Any) -> list[str]:
        """What is to be known besides, a line each below the stage's last line."""
        return []

    def closing(self, config: Config, run: Run, record: Any) -> Sequence[str | Table]:
        """What is said at the end of a command whose last stage this is."""
        return ()
