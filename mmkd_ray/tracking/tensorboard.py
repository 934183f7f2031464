"""TensorBoard's event files: one file for each student or trial, in a folder of its own on the run's storage."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pyarrow import fs

from mmkd_ray.artifacts import Folder
from mmkd_ray.tracking.tracker import Subject, plain

_EVENTS = "events.out.tfevents."


class TensorBoard:
    """Writes the file anew after an interruption, so that no epoch is in it twice, and lets it grow from there.

    On a local disk the file grows in place, as TensorBoard expects of one that it shows. An object store takes whole
    files only: there the file, some kilobytes, is written again after each epoch.
    """

    def __init__(self, subject: Subject, folder: Folder) -> None:
        """Begin the file.

        Args:
            subject: what is tracked.
            folder: of its own; event files of before are deleted.
        """
        from tensorboardX.summary import hparams  # noqa: PLC0415 (a second)

        self._folder, self._content = folder, b""
        self._name = f"{_EVENTS}{time.time():.0f}.{socket.gethostname()}"
        for name in folder.names():
            if name.startswith(_EVENTS):
                folder.filesystem.delete_file(f"{folder.path}/{name}")
        header = [_event(0, file_version="brain.Event:2")]
        if subject.params:
            header += [_event(0, summary=summary) for summary in hparams(plain(subject.params), {})[:2]]
        self._append(b"".join(header))

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Keep the values of an epoch: see `Tracker.log`."""
        from tensorboardX.summary import scalar  # noqa: PLC0415

        self._append(b"".join(_event(step, summary=scalar(name, value)) for name, value in values.items()))

    def close(self) -> None:
        """Nothing: all is written."""

    def _append(self, events: bytes) -> None:
        self._content += events
        if self._content == events or not isinstance(self._folder.filesystem, fs.LocalFileSystem):
            self._folder.write_bytes(self._name, self._content)
            return
        with Path(self._folder.path, self._name).open("ab") as file:
            file.write(events)


def _event(step: int, **content: Any) -> bytes:
    """A record of an event file: length, its checksum, the event, its checksum."""
    from tensorboardX.proto.event_pb2 import Event  # noqa: PLC0415 # pyrefly: ignore (protobuf makes it)
    from tensorboardX.record_writer import masked_crc32c  # noqa: PLC0415

    event = Event(wall_time=time.time(), step=step, **content).SerializeToString()
    length = struct.pack("<Q", len(event))
    return b"".join([length, struct.pack("<I", masked_crc32c(length)), event, struct.pack("<I", masked_crc32c(event))])
