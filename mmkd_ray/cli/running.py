"""Run what takes a while: with a log file, and everybody else's output in it."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mmkd_ray import __version__

if TYPE_CHECKING:
    from mmkd_ray.artifacts import Run
    from mmkd_ray.config import Config
    from mmkd_ray.console import Console

Work = Callable[["Config", "Run", "Console"], None]


def run_work(
    work: Work,
    command: str,
    config_file: str,
    overrides: Sequence[str],
    *,
    closing: Callable[[Config], str] | None = None,
) -> int:
    """Load the configuration, open the run and do the work; gives the exit status.

    Args:
        work: imports what it needs by itself: when it is called, the environment is set.
        command: for people, and for the log's name.
        config_file: as given.
        overrides: as given.
        closing: gives what is said at the end.
    """
    from mmkd_ray.config import load
    from mmkd_ray.stages.opening import prepare_environment, run_of

    config = load(config_file, overrides)
    run = run_of(config)

    def do(console: Console) -> None:
        prepare_environment(config)
        work(config, run, console)

    def close() -> str:
        return closing(config) if closing else ""

    folder = None if "://" in run.folder.uri else Path(run.folder.uri)
    return run_logged(do, command, config_file, run.folder.uri, folder=folder, closing=close)


def run_logged(
    work: Callable[[Console], None],
    command: str,
    about: str,
    run: str = "",
    *,
    folder: Path | None,
    closing: Callable[[], str] = str,
) -> int:
    """Do the work, which others' output does not disturb and a failure of which is explained; gives the exit status.

    Args:
        work: imports what it needs by itself.
        command: for people, and for the log's name.
        about: what it is about, for people.
        run: where the run is, if it is about one.
        folder: where logs go, in `logs/`; the temporary folder's `mmkd-logs` if None.
        closing: gives what is said at the end.
    """
    from mmkd_ray.cli.failures import explain_failure, leave_at_once, stop_among_causes
    from mmkd_ray.cluster.lost import leaving_when_lost
    from mmkd_ray.console import quiet_output

    log = log_file(folder, command.replace(" ", "-"))
    with quiet_output(log) as console, leaving_when_lost(lambda error: leave_at_once(error, console)):
        console.say(f"mmkd_ray {__version__}  {command} {about}")
        if run:
            console.say(f"run       {run}")
        console.say(f"logs      {log}")
        try:
            work(console)
        except Exception as error:
            if stop := stop_among_causes(error):
                raise stop from error
            traceback.print_exc()
            sys.stderr.flush()
            return explain_failure(error, log=log, console=console)
        if text := closing():
            console.say(text)
    return 0


def log_file(folder: Path | None, command: str) -> Path:
    """A new file's path, whose folder is there.

    Raises:
        ArtifactError: the folder cannot be made.
    """
    from mmkd_ray.errors import ArtifactError

    name = f"{command}-{datetime.now(UTC):%Y%m%d-%H%M%S}.log"
    logs = Path(tempfile.gettempdir()) / "mmkd-logs" if folder is None else folder / "logs"
    try:
        logs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise ArtifactError(
            f"storage: the folder {logs} cannot be made: {reason}; choose another storage.path or name"
        ) from error
    return logs / name
