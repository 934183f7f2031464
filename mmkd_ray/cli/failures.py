"""A failure, explained: one line for what a user can mend, else the end of the log as well."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from mmkd_ray.errors import MmkdError, mmkd_cause

if TYPE_CHECKING:
    from mmkd_ray.console import Console


class Terminated(BaseException):
    """SIGTERM as an exception: what was started is stopped on the way out."""


def leave(signum: int, _frame: FrameType | None) -> NoReturn:
    """The handler of SIGTERM."""
    raise Terminated(signum)


def explain_failure(error: BaseException, *, log: Path | None, console: Console | None = None) -> int:
    """Say what failed, and give the exit status: 2 for what a user can mend, 1 for the rest.

    Args:
        error: what was raised.
        log: where everything else was written.
        console: where to say it; standard error if unset.
    """
    from mmkd_ray.artifacts import disk_error
    from mmkd_ray.console import last_lines

    known = mmkd_cause(error) or disk_error(error)
    if known is not None:
        lines = [f"mmkd: error: {known}"]
    else:
        lines = [f"mmkd: failed: {type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"]
        if log:
            lines += [f"--- last lines of {log}", last_lines(log)]
        else:
            traceback.print_exception(error)
    print("\n".join(lines), file=sys.stderr if console is None else console.stream, flush=True)
    return 2 if known is not None else 1


def leave_at_once(error: MmkdError, console: Console) -> NoReturn:
    """Say what failed and end this process without another word of anybody's: nothing is cleaned up."""
    os._exit(explain_failure(error, log=None, console=console))


def stop_among_causes(error: BaseException | None) -> BaseException | None:
    """A stop that arrived inside of C code of Ray's, which wraps it in a SystemError."""
    while error is not None and not isinstance(error, MmkdError):  # one of ours says why it interrupted: a lost cluster
        if isinstance(error, (KeyboardInterrupt, Terminated)):
            return error
        error = error.__cause__ or error.__context__
    return None
