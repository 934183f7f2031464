"""Requests to a service as many clients make them: as fast as it answers, or at a rate of their own."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from itertools import cycle
from urllib.parse import urlsplit

_BOUNDARY = "benchmark0123456789"


def form_request(url: str, images: Sequence[bytes]) -> bytes:
    """The bytes of one request with images in a form, on a connection that stays open."""
    part = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="picture"\r\n\r\n'.encode()
    body = b"".join(part + image + b"\r\n" for image in images) + f"--{_BOUNDARY}--\r\n".encode()
    head = (
        f"POST /predict HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\nContent-Length: {len(body)}\r\n"
        f"Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\n\r\n"
    )
    return head.encode() + body


def saturate(url: str, requests: Sequence[bytes], *, clients: int, warm_s: float, seconds: float) -> float:
    """Requests answered a second, while each of so many clients sends its next one when it has its answer."""
    return asyncio.run(_saturate(url, requests, clients, warm_s, seconds))


def latencies(url: str, requests: Sequence[bytes], *, rate: float, seconds: float) -> list[float]:
    """Seconds from when a request was due to its answer, for requests at random times, so many a second."""
    return asyncio.run(_latencies(url, requests, rate, seconds))


async def _saturate(url: str, requests: Sequence[bytes], clients: int, warm_s: float, seconds: float) -> float:
    following, counted = cycle(requests), 0
    begin = time.perf_counter() + warm_s
    end = begin + seconds

    async def client() -> None:
        nonlocal counted
        async with _Connection(url) as connection:
            while time.perf_counter() < end:
                await connection.exchange(next(following))
                counted += begin <= time.perf_counter() < end

    await asyncio.gather(*(client() for _ in range(clients)))
    return counted / seconds


async def _latencies(url: str, requests: Sequence[bytes], rate: float, seconds: float) -> list[float]:
    draw, following, idle = random.Random(0), cycle(requests), list[_Connection]()  # noqa: S311 (no secret)
    taken: list[float] = []

    async def one(due: float) -> None:
        connection = idle.pop() if idle else await _Connection(url).__aenter__()
        await connection.exchange(next(following))
        taken.append(time.perf_counter() - due)
        idle.append(connection)

    due = time.perf_counter()
    end, asked = due + seconds, []
    while (due := due + draw.expovariate(rate)) < end:
        await asyncio.sleep(max(due - time.perf_counter(), 0))
        asked.append(asyncio.create_task(one(due)))
    await asyncio.gather(*asked)
    for connection in idle:
        await connection.__aexit__()
    return taken


class _Connection:
    """As little of HTTP as the service's replies need: the clients share the cores with what they measure."""

    def __init__(self, url: str) -> None:
        self._place = urlsplit(url)

    async def __aenter__(self) -> _Connection:
        self._reader, self._writer = await asyncio.open_connection(self._place.hostname, self._place.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def exchange(self, request: bytes) -> bytes:
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        assert head.startswith(b"http/1.1 200 "), head
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        return await self._reader.readexactly(length)
