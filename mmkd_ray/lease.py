"""One writer at a time in a run's folder: who writes, since when, and that the lease ends with its holder.

On a local or network file system the lease is a lock of the operating system's, which ends with the process, however
that ends. Object stores have no locks: there each writer has a record that it renews as long as it lives.
"""

from __future__ import annotations

import errno
import getpass
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout
from pyarrow import fs

from mmkd_ray.artifacts import Folder, Run, is_temporary
from mmkd_ray.errors import BusyError

LOCK = "writer.lock"
"""File of a run that its writer keeps locked; it says who that is. Unlocked, it means nothing."""
WRITERS = "writers"
"""Where there are no locks: folder of a run with a record of each writer."""
RENEW_S = 10.0
EXPIRE_S = 60.0
"""A record that has not been renewed for so long is a killed writer's. Longer than most outages of a store."""
PATIENCE_S = 2.0
"""A lock that is held for so long is held by a living writer: a killed one keeps it until its memory is freed, and a
child that was forked a moment ago until it runs."""
_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP}
"""What a file system without locks answers."""


@dataclass(frozen=True)
class Holder:
    """Who writes into a run."""

    user: str
    host: str
    process: int
    doing: str
    """The stages."""
    since: str

    @classmethod
    def here(cls, doing: str) -> Holder:
        """This process."""
        try:
            user = getpass.getuser()
        except (OSError, KeyError):  # a container's user need not have a name
            user = f"user {os.getuid()}"
        return cls(user, socket.gethostname(), os.getpid(), doing, f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")

    def __str__(self) -> str:
        """For a message."""
        return f"{self.user} on {self.host} (process {self.process}: {self.doing}) since {self.since}"


@contextmanager
def writing(run: Run, doing: str, tell: Callable[[str], None] = lambda _: None) -> Iterator[None]:
    """Be the only one that writes into a run. What workers write for the holder needs no lease of its own.

    Args:
        run: its folder is made, if it is not there.
        doing: what for, for others to read.
        tell: called with a line if it takes time to see whether another writer still lives.

    Raises:
        BusyError: somebody else writes into it, in this process or another, on this machine or another.
    """
    holder = Holder.here(doing)
    if isinstance(run.folder.filesystem, fs.LocalFileSystem) and (lock := _lock(run, holder)):
        try:
            yield
        finally:
            lock.release()
    else:
        with _renewed(run, holder, tell):
            yield


def _lock(run: Run, holder: Holder) -> FileLock | None:
    """The lock, held; None where the file system has no locks."""
    run.folder.filesystem.create_dir(run.folder.path)
    place = f"{run.folder.path}/{LOCK}"

    def sign(descriptor: int) -> None:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, _text(holder), 0)

    # A child that is forked loses the lock's descriptor, one that is executed never has it: neither keeps the lock.
    lock = FileLock(place, thread_local=False, fallback_to_soft=False, preserve_lock_file=True, on_acquired=sign)
    try:
        lock.acquire(timeout=PATIENCE_S)
    except Timeout:
        raise _refusal(run, _holder(Path(place).read_bytes())) from None
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return None
        raise
    return lock


@contextmanager
def _renewed(run: Run, holder: Holder, tell: Callable[[str], None]) -> Iterator[None]:
    """Hold the lease by a record that is renewed.

    Each writer first writes its record and then looks for others': of two that begin at the same time, at least one
    sees the other. Ages are taken by the clock of the storage, from the time of a record that has just been written.
    """
    writers, name, ended = run.folder.child(WRITERS), f"{uuid.uuid4().hex}.json", threading.Event()

    def renew() -> None:
        while not ended.wait(RENEW_S):
            with suppress(OSError):  # the storage is out of reach: so it is for others
                writers.write_bytes(name, _text(holder))

    thread = threading.Thread(target=renew, daemon=True)
    try:
        _wait_for_others(run, writers, name, holder, tell)
        thread.start()
        yield
    finally:
        ended.set()
        if thread.is_alive():
            thread.join()  # or it could write the record again
        with suppress(OSError):
            writers.delete_file(name)


def _wait_for_others(run: Run, writers: Folder, name: str, holder: Holder, tell: Callable[[str], None]) -> None:
    """Wait until the records of others have expired; one that is renewed meanwhile is a living writer's."""
    seen: dict[str, float] = {}
    while True:
        writers.write_bytes(name, _text(holder))
        written = _written(writers)
        now = written.pop(name)
        expired = [other for other, when in written.items() if now - when >= EXPIRE_S]
        for other in expired:
            writers.delete_file(other)
            del written[other]
        for other, when in written.items():
            if seen.get(other, when) != when:
                raise _refusal(run, _holder_in(writers, other))
        if not written:
            return
        if not seen:
            who = _holder_in(writers, next(iter(written))) or "another writer"
            tell(f"waiting for up to {EXPIRE_S:.0f} s to see whether a writer still lives: {who}")
        seen = written | seen
        time.sleep(RENEW_S / 4)


def _written(writers: Folder) -> dict[str, float]:
    """When each record was written, in seconds by the storage's clock."""
    found = writers.filesystem.get_file_info(fs.FileSelector(writers.path, allow_not_found=True))
    return {info.base_name: (info.mtime_ns or 0) / 1e9 for info in found if not is_temporary(info.base_name)}


def _refusal(run: Run, holder: Holder | None) -> BusyError:
    return BusyError(
        f"{run.folder.uri} is being written by {holder or 'another process'}: wait until it has ended, or choose "
        "another name= (runs of a storage path share images and answers)"
    )


def _holder_in(writers: Folder, name: str) -> Holder | None:
    try:
        return _holder(writers.read_bytes(name))
    except OSError:  # it has just ended
        return None


def _holder(text: bytes) -> Holder | None:
    """What a lock file or a record says; None where it is only half written yet."""
    try:
        return Holder(**json.loads(text))
    except (ValueError, TypeError):
        return None


def _text(holder: Holder) -> bytes:
    return (json.dumps(asdict(holder), ensure_ascii=False) + "\n").encode()
