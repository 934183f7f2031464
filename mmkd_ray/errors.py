"""The exceptions of mmkd_ray: one tree. A message says what was found, what is accepted and what to do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator

_LINE_LENGTH = 500
"""Characters of another library's message that an error quotes."""
_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")
"""Address of an object in memory, different in every run."""
_UNCLEAR = (LookupError, AssertionError, AttributeError, NotImplementedError)
"""Exceptions whose text is unclear without their type: the text of a KeyError is the key."""


class MmkdError(Exception):
    """Base of all errors that a user can fix; the command line prints only the message and exits with status 2."""


class ConfigError(MmkdError):
    """The configuration is invalid."""


class DataError(MmkdError):
    """The images, or a table made from them, cannot be used."""


class TooManyPixelsError(DataError):
    """An image has more pixels than the limit."""


class NoRoomError(DataError):
    """A disk does not hold the images that a training needs."""


class AspectError(MmkdError):
    """The aspect questions cannot be used."""


class TeacherError(MmkdError):
    """The teacher model cannot be loaded or does not answer yes/no questions."""


class LedgerError(MmkdError):
    """A teacher table is inconsistent: images are missing, duplicate or unknown."""


class StudentError(MmkdError):
    """The student model cannot be built or trained as configured."""


class RequestError(MmkdError):
    """What a served student was asked over HTTP is refused."""

    def __init__(self, status: int, message: str) -> None:
        """The status of the reply, 4xx, and its sentence."""
        super().__init__(status, message)
        self.status, self.message = status, message

    def __str__(self) -> str:
        """The sentence."""
        return self.message


class ClusterError(MmkdError):
    """The Ray cluster cannot be reached, or is too small for what was requested."""


class ArtifactError(MmkdError):
    """An artifact of a run is missing, unfinished or cannot be written."""


class BusyError(ArtifactError):
    """Somebody else is writing into the run."""


class DamagedError(ArtifactError):
    """A file of a run is not as it was written."""

    def __init__(self, place: str, reason: str, remedy: str) -> None:
        """All in a few words: which file, what is wrong with it, what to do."""
        super().__init__(place, reason, remedy)  # what it is made from again in another process
        self.place, self.reason, self.remedy = place, reason, remedy

    def __str__(self) -> str:
        """The whole sentence."""
        return f"{self.place} is damaged ({self.reason}): {self.remedy}"


def mmkd_cause(error: BaseException) -> MmkdError | None:
    """The first `MmkdError` in the chain of causes of `error`, through Ray's task errors, or None."""
    return next((cause for cause in causes(error) if isinstance(cause, MmkdError)), None)


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error and all that it comes from, through Ray's task errors."""
    seen: set[int] = set()
    queue: list[BaseException | None] = [error]
    while queue:
        current = queue.pop(0)
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        # RayTaskError keeps the worker's exception in `cause`; Ray Train's WorkerGroupError in `worker_failures`.
        queue += [getattr(current, "cause", None), current.__cause__, current.__context__]
        queue += list((getattr(current, "worker_failures", None) or {}).values())
        queue += [getattr(current, "training_failed_error", None)]


def one_line(error: BaseException) -> str:
    """An error in one line, without memory addresses.

    All of its lines are joined: pydantic's errors, which vLLM raises, name the problem on the second.
    """
    lines = [line.strip() for line in str(error).splitlines() if "For further information" not in line]
    text = _ADDRESS.sub("", " ".join(filter(None, lines)))
    name = type(error).__name__
    if isinstance(error, _UNCLEAR) or not text:
        text = f"{name}: {text}" if text else name
    return text[:_LINE_LENGTH]


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or its type where it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def innermost_cause(error: BaseException) -> str:
    """One line of the exception that all others in the chain were raised `from`.

    vLLM's "Failed to apply Qwen2VLProcessor on data=..." is raised from "absolute aspect ratio must be smaller than
    200, got 400". An exception that was only being handled (`__context__`) does not count: often it comes from a first
    attempt that is expected to fail.
    """
    return one_line(_innermost(error))


def typed_cause(error: BaseException) -> str:
    """The innermost cause with the type of `error` in front, once: what tells two failures apart."""
    name, cause = type(error).__name__, innermost_cause(error)
    return cause if cause.startswith(name) else f"{name}: {cause}"


def explain(error: BaseException) -> str:
    """An error in one line, with its innermost cause in brackets: "not a valid JSON file (line 3: expected ...)"."""
    outer, inner = one_line(error), innermost_cause(error)
    return outer if inner in outer else f"{outer} ({inner})"


def _innermost(error: BaseException) -> BaseException:
    seen: set[int] = set()
    while error.__cause__ is not None and id(error) not in seen:
        seen.add(id(error))
        error = error.__cause__
    return error


def few(names: Iterable[str], *, near: str = "", most: int = 5, slash: bool = False) -> str:
    """Some of many names for a message: "a, b, c, d, e and 595 more".

    Args:
        names: in their order.
        near: those that are most like this come first.
        most: how many are shown.
        slash: whether they are folders, shown with a slash behind.
    """
    ordered = list(names)
    if near:
        like = difflib.get_close_matches(near, ordered, n=most, cutoff=0.4)
        ordered = [*like, *(name for name in ordered if name not in like)]
    shown = ", ".join(f"{name}/" if slash else name for name in ordered[:most])
    return shown + (f" and {len(ordered) - most:,} more" if len(ordered) > most else "")
