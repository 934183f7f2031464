"""Requests to a served student, as any client makes them."""

from __future__ import annotations

import base64
import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_BOUNDARY = "boundary0123456789"
FORM, JSON = f"multipart/form-data; boundary={_BOUNDARY}", "application/json"


@dataclass(frozen=True)
class Reply:
    """What came back; nothing where the connection was lost."""

    status: int | None
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    url: str, path: str = "predict", body: bytes | None = None, kind: str = FORM, method: str = "", seconds: float = 60
) -> Reply:
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=seconds)
    try:
        connection.request(
            method or ("GET" if body is None else "POST"), f"/{path}", body, {"Content-Type": kind} if body else {}
        )
        reply = connection.getresponse()
        headers = {name.lower(): value for name, value in reply.getheaders()}
        return Reply(reply.status, headers, reply.read())
    except (OSError, http.client.HTTPException):
        return Reply(None, {}, b"")
    finally:
        connection.close()


def form(*files: bytes, name: str = "file") -> bytes:
    """A form with files."""
    part = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="picture"\r\n\r\n'.encode()
    return b"".join(part + file + b"\r\n" for file in files) + f"--{_BOUNDARY}--\r\n".encode()


def as_json(*files: bytes, **more: Any) -> bytes:
    """The same as JSON."""
    return json.dumps({"images": [base64.b64encode(file).decode() for file in files], **more}).encode()


@contextmanager
def unfinished_requests(url: str, count: int) -> Iterator[None]:
    """So many requests that have begun and send nothing more while the block runs: the service has to keep them."""
    place = urlsplit(url)
    head = f"POST /predict HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Type: {FORM}\r\nContent-Length: 1000\r\n\r\n"
    with ExitStack() as open_ones:
        for _ in range(count):
            client = open_ones.enter_context(socket.create_connection((place.hostname or "", place.port or 0), 30))
            client.sendall(head.encode() + b"-")
        yield
