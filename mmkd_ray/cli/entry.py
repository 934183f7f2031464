"""From the words of a command line to an exit status."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from typer.exceptions import Abort, TyperException
from typer.main import get_command

from mmkd_ray.cli.app import app
from mmkd_ray.cli.failures import Terminated, explain_failure, leave

if TYPE_CHECKING:
    from mmkd_ray.cli.request import Request


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0, 2 for a mistake that is explained in one line, 1 for a failure of ours."""
    request = _read(list(sys.argv[1:] if argv is None else argv))
    if isinstance(request, int):
        return request
    signal.signal(signal.SIGTERM, leave)
    try:
        return request.call()
    except (KeyboardInterrupt, Terminated) as stop:
        print(f"mmkd: stopped; {request.again} continues", file=sys.stderr)
        return 143 if isinstance(stop, Terminated) else 130
    except Exception as error:  # the one place where a failure before a stage is explained
        return explain_failure(error, log=None)


def _read(argv: list[str]) -> Request | int:
    """What is asked for, or the exit status where that is all: after help, or a mistake."""
    try:
        asked = get_command(app).main(args=argv or ["--help"], prog_name="mmkd", standalone_mode=False)
    except TyperException as mistake:
        if mistake.format_message().strip():  # else it is the help, which has been shown
            print(f"mmkd: error: {_sentence(mistake)}", file=sys.stderr)
        return mistake.exit_code
    except Abort:
        return 130
    return asked if argv else 2


def _sentence(mistake: TyperException) -> str:
    """One line: what is wrong, what was meant, and where to read more."""
    near = getattr(mistake, "possibilities", None)
    message = f"{mistake.message}; did you mean {' or '.join(near)}?" if near else mistake.format_message()
    message = " ".join(message.split()).rstrip(".").replace(". Did you mean", "; did you mean")
    message = message.replace(": Value error, ", ": ")  # pydantic's own words
    context = getattr(mistake, "ctx", None)
    command = context.command_path.strip() if context else "mmkd"
    return f"{message[0].lower()}{message[1:]} (`{command} --help` says more)"
