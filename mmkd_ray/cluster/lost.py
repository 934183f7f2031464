"""A cluster that is lost ends the run with one line; Ray itself waits for a minute, or for ever, and exits silently."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from mmkd_ray.errors import ClusterError

_SIGNAL = signal.SIGUSR2
"""Sent to the main thread, which may wait inside Ray. SIGTERM and SIGINT have other handlers while a stage runs."""
_EVERY_S = 0.2
"""Seldom enough to cost nothing, and often enough to be first: see `leaving_when_lost`."""
_AGAIN_S = 15.0
"""After which the main thread is told again, should the first error have been swallowed."""
_PRIVATE_S, _NAMED_S = 2.0, 30.0
"""How long a process of the cluster may not answer. A named cluster's head may be restarted; Ray ends this process
after 60 s."""
_leave: list[Callable[[ClusterError], NoReturn]] = []
"""What a command does when its cluster is lost, at most one."""


@contextmanager
def leaving_when_lost(leave: Callable[[ClusterError], NoReturn]) -> Iterator[None]:
    """Have `leave` called at once, in a thread, when the cluster is lost while the block runs.

    A command has nothing to do then but to say so. On the way out it would ask Ray for something, be it to disconnect,
    and Ray ends a process that does so after the death of its raylet, without a word.
    """
    _leave.append(leave)
    try:
        yield
    finally:
        _leave.remove(leave)


@contextmanager
def ended_when_lost(info: dict[str, Any], *, private: bool) -> Iterator[None]:
    """Raise an error in the main thread when the cluster is lost while the block runs; elsewhere do nothing.

    Args:
        info: `address_info` of Ray's context.
        private: whether the cluster is this process's own.

    Raises:
        ClusterError: the cluster is lost, or Ray has asked this process to exit.
    """
    if threading.current_thread() is not threading.main_thread() or not info.get("raylet_socket_name"):
        yield
        return
    guard = _Guard(_processes(info, private=private))
    before = signal.signal(_SIGNAL, _interrupt)
    guard.start()
    try:
        yield
    except BaseException as error:
        if guard.gone or isinstance(error, SystemExit):
            raise _lost(guard.gone) from error
        raise
    finally:
        guard.stop()
        signal.signal(_SIGNAL, before)


def _lost(gone: str) -> ClusterError:
    reason = f"{gone} has ended, killed perhaps, or out of memory" if gone else "Ray has ended the connection"
    return ClusterError(
        f"the Ray cluster is gone ({reason}); what is finished is stored, and the same command continues"
    )


def _processes(info: dict[str, Any], *, private: bool) -> dict[str, tuple[Any, float]]:
    """Where each process of the cluster listens that this one depends on, and how long it may refuse."""
    host, _, port = info["gcs_address"].rpartition(":")
    return {
        "the raylet of this machine": (info["raylet_socket_name"], _PRIVATE_S),
        "the control service (GCS) of its head": ((host.strip("[]"), int(port)), _PRIVATE_S if private else _NAMED_S),
    }


class _Guard(threading.Thread):
    """Connects to each process again and again: one that has ended refuses."""

    def __init__(self, processes: dict[str, tuple[Any, float]]) -> None:
        super().__init__(daemon=True)
        self._processes, self._stopped = processes, threading.Event()
        self._heard = dict.fromkeys(processes, time.monotonic())
        self.gone = ""

    def run(self) -> None:
        while not self.gone and not self._stopped.wait(_EVERY_S):
            self._look()
        if self.gone and _leave:
            _leave[-1](_lost(self.gone))
        while not self._stopped.is_set():
            signal.pthread_kill(threading.main_thread().ident or 0, _SIGNAL)
            self._stopped.wait(_AGAIN_S)

    def stop(self) -> None:
        self._stopped.set()
        self.join()

    def _look(self) -> None:
        for name, (address, patience_s) in self._processes.items():
            error = _silence(address)
            if error is None:
                self._heard[name] = time.monotonic()
                continue
            # Where nobody listens on this machine, nobody will again; a process that is only busy does not refuse.
            ended = patience_s == _PRIVATE_S and isinstance(error, (ConnectionRefusedError, FileNotFoundError))
            if ended or time.monotonic() - self._heard[name] > patience_s:
                self.gone = name


def _silence(address: Any) -> OSError | None:
    """Why a process does not take a connection, if it does not."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(5)
        try:
            client.connect(address)
        except OSError as error:
            return error
    return None


def _interrupt(*_: object) -> NoReturn:
    """Handler of the signal. Ray's waiting in C++ is ended by no other exception."""
    raise KeyboardInterrupt
