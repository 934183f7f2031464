"""Images by URL, from the places that the configuration names."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import Sequence
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit

from mmkd_ray.config import ServeConfig
from mmkd_ray.errors import RequestError

_TIMEOUT_S = 10


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect could lead to what only this machine can reach."""

    def redirect_request(self, *_: Any) -> None:  # pyrefly: ignore[bad-override] (whatever is asked)
        return None


# No proxy of the environment's: what is asked for is what the prefixes say.
_open = urllib.request.build_opener(_NoRedirects, urllib.request.ProxyHandler({})).open


async def fetch(urls: Sequence[str], config: ServeConfig) -> list[bytes]:
    """What URLs give, in order.

    Raises:
        RequestError: URLs are not accepted here, or one gives nothing or too much.
    """
    for url in urls:
        _check(url, config)
    return list(await asyncio.gather(*(asyncio.to_thread(_fetch, url, config.max_upload_bytes) for url in urls)))


def _check(url: str, config: ServeConfig) -> None:
    if not config.url_prefixes:
        raise RequestError(403, "images by URL are not accepted here: send the file itself (serve.url_prefixes)")
    # A path with `..` may leave the prefix's folder on the other side.
    if not url.startswith(config.url_prefixes) or ".." in unquote(urlsplit(url).path):
        raise RequestError(403, f"'{url[:200]}' does not begin with one of: {', '.join(config.url_prefixes)}")


def _fetch(url: str, most: int) -> bytes:
    try:
        with _open(url, timeout=_TIMEOUT_S) as reply:
            content = reply.read(most + 1)
    except (OSError, ValueError) as error:
        _refuse(url, f"gives no image: {error}", error)
    if len(content) > most:
        _refuse(url, f"gives more than the limit of {most:,} bytes", None)
    return content


def _refuse(url: str, reason: str, cause: Exception | None) -> NoReturn:
    raise RequestError(422, f"'{url[:200]}' {reason}") from cause
