"""The routes of a served student; whoever answers is given, so that no Ray is needed here."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from importlib import resources
from typing import Any

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request

from mmkd_ray.config import ServeConfig
from mmkd_ray.errors import RequestError
from mmkd_ray.serve.requests import images_of

_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What a browser may do with the page: ask this host alone."""
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": {"type": "array", "items": {"type": "string", "format": "binary"}}},
                }
            },
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "images": {"type": "array", "items": {"type": "string", "format": "byte"}},
                        "urls": {"type": "array", "items": {"type": "string", "format": "uri"}},
                    },
                }
            },
        },
    }
}
_log = logging.getLogger(__name__)

Predict = Callable[[list[bytes]], Awaitable[list[dict[str, Any]]]]
"""Gives the reply for each of the encoded images."""


def web_app(metadata: dict[str, Any], config: ServeConfig, predict: Predict) -> FastAPI:
    """`POST /predict`, `GET /healthz`, `/metadata`, `/openapi.json` and the page at `/`.

    Args:
        metadata: the reply to `/metadata`.
        config: the limits of requests.
        predict: raises a RequestError where an image cannot be used.
    """
    # The library's pages about the interface load scripts from elsewhere.
    app = FastAPI(title=f"mmkd_ray: {metadata['name']}", version="1", docs_url=None, redoc_url=None)
    page = resources.files("mmkd_ray.serve").joinpath("page.html").read_text(encoding="utf-8")

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def show_page() -> HTMLResponse:
        return HTMLResponse(page, headers={"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"})

    @app.api_route("/healthz", methods=["GET", "HEAD"])
    async def healthz() -> JSONResponse:
        """Whether a replica answers."""
        return JSONResponse({"status": "ok"})

    @app.get("/metadata")
    async def show_metadata() -> JSONResponse:
        """Classes, questions, preprocessing and measures of the student, and the limits of requests."""
        return JSONResponse(metadata)

    @app.post("/predict", openapi_extra=_BODY)
    async def answer(request: Request) -> JSONResponse:
        """Class probabilities and P(yes) of each question, for each image."""
        return JSONResponse({"predictions": await predict(await images_of(request, config))})

    app.add_exception_handler(RequestError, _refused)
    app.add_exception_handler(HTTPException, _not_here)
    app.add_exception_handler(Exception, _failed)
    return app


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestError), "registered for it"
    # What was not read of the body stays in the connection.
    headers = {"Connection": "close"} if error.status == 413 else None
    return JSONResponse({"error": error.message}, status_code=error.status, headers=headers)


async def _not_here(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException), "registered for it"
    reason = str(error.detail).lower()
    sentence = (
        f"{request.method} {request.url.path}: {reason}; accepted are POST /predict and GET /, /metadata, /healthz"
    )
    return JSONResponse({"error": sentence}, status_code=error.status_code, headers=error.headers)


async def _failed(_: Request, error: Exception) -> JSONResponse:
    _log.error("a request failed", exc_info=error)
    return JSONResponse({"error": "the service failed; its log says why"}, status_code=500)
