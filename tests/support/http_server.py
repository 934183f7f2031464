"""A server of our own, over real HTTP, that behaves as badly as a test wants."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol, TypeVar

NEVER_S = 60.0
"""A delay that no client waits for, however busy the machine is."""


@dataclass(frozen=True)
class Reply:
    """What goes back for a request."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0
    cut: bool = False
    """Whether the connection ends in the middle of the body."""


def refuse(status: int, message: str, **reply: Any) -> Reply:
    return Reply({"error": {"message": message, "type": "x", "param": None, "code": None}}, status=status, **reply)


class Endpoint(Protocol):
    """What answers requests."""

    models: Reply
    """The reply to GET."""
    base_url: str
    """Set when it is served."""

    def reply(self, body: dict[str, Any], key: str) -> Reply:
        """The reply to POST; a delay is waited for here."""
        ...


E = TypeVar("E", bound=Endpoint)


@contextmanager
def serving(endpoint: E) -> Iterator[E]:
    """The endpoint on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self):
            self._send(endpoint.models)

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._send(endpoint.reply(body, self.headers["Authorization"].removeprefix("Bearer ")))

        def _send(self, reply: Reply):
            data = reply.body.encode() if isinstance(reply.body, str) else json.dumps(reply.body).encode()
            kind = "text/html" if isinstance(reply.body, str) else "application/json"
            self.send_response(reply.status)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if reply.cut else data)
            if reply.cut:
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True

        def log_message(self, format: str, *args: Any):  # noqa: A002
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        # Many connections are opened at once; without room for them, the kernel lets them wait for a second.
        request_queue_size = 128

        def handle_error(self, request: Any, client_address: Any):
            """A client that has given up is what some tests want."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    endpoint.base_url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
