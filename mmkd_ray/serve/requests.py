"""The images of a request, within limits: files of a form, base64 or URLs in JSON."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import AsyncGenerator
from typing import Any

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from mmkd_ray.config import ServeConfig
from mmkd_ray.errors import RequestError
from mmkd_ray.serve.fetching import fetch

_JSON, _FORM = "application/json", "multipart/form-data"
_ACCEPTED = (
    f"accepted are {_FORM} with one file or several (`curl -F file=@bird.jpg`), and {_JSON}: "
    '{"images": ["BASE64", ...]}'
)


async def images_of(request: Request, config: ServeConfig) -> list[bytes]:
    """The encoded images of a request, in its order.

    Raises:
        RequestError: there are none or too many, they are too large, or what they are given by is not accepted.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == _FORM:
        images = await _of_form(request, config)
    elif kind == _JSON:
        images = await _of_json(request, config)
    else:
        raise RequestError(415, f"got the content type '{kind}'; {_ACCEPTED}")
    if not images:
        raise RequestError(400, f"the request has no image; {_ACCEPTED}")
    return images


async def _of_form(request: Request, config: ServeConfig) -> list[bytes]:
    body = _limited(request, config.max_upload_bytes)
    try:
        form = await MultiPartParser(request.headers, body, max_files=config.images_per_request).parse()
    except MultiPartException as error:
        if "Too many files" in error.message:
            raise _too_many(config) from error
        raise RequestError(400, f"the form cannot be read: {error.message}") from error
    try:
        return [await value.read() for _, value in form.multi_items() if isinstance(value, UploadFile)]
    finally:
        await form.close()


async def _of_json(request: Request, config: ServeConfig) -> list[bytes]:
    body = b"".join([piece async for piece in _limited(request, config.max_upload_bytes)])
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RequestError(400, f"the body is not valid JSON; {_ACCEPTED}") from error
    if not isinstance(asked, dict) or not asked.keys() <= {"images", "urls"}:
        raise RequestError(400, f"the body is not of the accepted form; {_ACCEPTED}")
    images, urls = _texts(asked, "images"), _texts(asked, "urls")
    if len(images) + len(urls) > config.images_per_request:
        raise _too_many(config)
    return [_decoded(place, text) for place, text in enumerate(images)] + await fetch(urls, config)


async def _limited(request: Request, most: int) -> AsyncGenerator[bytes, None]:
    """The body, piece by piece; a longer one is refused as soon as that is known."""
    too_long = RequestError(413, f"the request is larger than the limit of {most:,} bytes")
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > most:
        raise too_long
    taken = 0
    try:
        async for piece in request.stream():
            taken += len(piece)
            if taken > most:
                raise too_long
            yield piece
    except ClientDisconnect as error:
        raise RequestError(400, "the connection ended before the request was whole") from error


def _texts(asked: dict[str, Any], key: str) -> list[str]:
    texts = asked.get(key, [])
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise RequestError(400, f'"{key}" is not a list of texts; {_ACCEPTED}')
    return texts


def _decoded(place: int, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RequestError(400, f"image {place}: the text is not base64") from error


def _too_many(config: ServeConfig) -> RequestError:
    return RequestError(413, f"the request has more images than the limit of {config.images_per_request}")
