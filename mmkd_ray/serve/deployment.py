"""The student as a deployment of Ray Serve: the one file that imports Ray Serve."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
from fastapi import FastAPI
from ray import serve
from ray.serve.config import AutoscalingConfig, BackpressureConfig
from ray.serve.schema import LoggingConfig

from mmkd_ray.cluster.connection import check_fits
from mmkd_ray.config import ServeConfig
from mmkd_ray.config.locations import absolute
from mmkd_ray.errors import ClusterError, ConfigError, one_line
from mmkd_ray.serve.settings import settings
from mmkd_ray.serve.student import ServedStudent, Square
from mmkd_ray.serve.web import web_app

_NAME = "mmkd"
"""Of the application."""
_QUIET = LoggingConfig(enable_access_log=False)
_HEALTH_CHECK_S = 2.0
"""A replica that was killed is replaced so soon; by default after 10 s."""
_SHUTDOWN_POLL_S = 0.2
"""A replica looks so often whether its requests have ended when it is to end; by default every 2 s."""
_CONTROLLER, _NAMESPACE = "SERVE_CONTROLLER_ACTOR", "serve"


@serve.ingress()
class _Replica:
    """One process with the student; its batches are those of all requests that are with it."""

    def __init__(self, place: str, config: ServeConfig) -> None:
        self._config, self._student = config, ServedStudent(place, config)
        batches: Any = self._compute  # the decorator's methods are not in its type
        batches.set_max_batch_size(config.batch_size)
        batches.set_batch_wait_timeout_s(config.batch_wait_ms / 1000)

    def __serve_build_asgi_app__(self) -> FastAPI:
        return web_app(self._student.metadata, self._config, self._predict)

    async def _predict(self, images: list[bytes]) -> list[dict[str, Any]]:
        squares = await self._student.read(images)
        return list(await asyncio.gather(*map(self._compute, squares)))

    @serve.batch
    async def _compute(self, squares: list[Square]) -> list[dict[str, Any]]:
        return await self._student.compute(squares)


def build(place: str, config: ServeConfig) -> serve.Application:
    """The application that serves a bundle.

    Args:
        place: of the bundle, where every node reaches it.
        config: replicas, batches and limits.
    """
    scaling: dict[str, Any] = {"num_replicas": config.least_replicas}
    if config.least_replicas < config.most_replicas:
        scaling = {
            "autoscaling_config": AutoscalingConfig(
                min_replicas=config.least_replicas,
                max_replicas=config.most_replicas,
                target_ongoing_requests=config.batch_size,
            )
        }
    student = serve.deployment(
        name="student",
        ray_actor_options={"num_cpus": config.cpus_per_replica, "num_gpus": config.gpus_per_replica},
        max_ongoing_requests=config.ongoing_requests,
        max_queued_requests=config.queued_requests,
        backpressure_config=BackpressureConfig(retry_after_s=config.retry_after_s),
        graceful_shutdown_timeout_s=config.shutdown_timeout_s,
        graceful_shutdown_wait_loop_s=_SHUTDOWN_POLL_S,
        health_check_period_s=_HEALTH_CHECK_S,
        max_constructor_retry_count=1,
        logging_config=_QUIET,
        **scaling,
    )(_Replica)
    return student.bind(place, config)


def application(args: dict[str, Any]) -> serve.Application:
    """The same for `serve deploy`, whose file has `args: {bundle: PLACE, serve: {KEY: VALUE, ...}}`.

    Raises:
        ConfigError: there is no bundle, or a key or value is not accepted.
    """
    if not isinstance(args.get("bundle"), str) or not args.keys() <= {"bundle", "serve"}:
        raise ConfigError(f"args: got {sorted(args)}; accepted are bundle (a folder or URI) and serve (keys of serve:)")
    return build(args["bundle"], settings(serve=args.get("serve")).serve)


@contextmanager
def serving(place: str, config: ServeConfig) -> Iterator[str]:
    """Serve a bundle on the connected cluster while the block runs; requests that are being answered then end.

    Args:
        place: of the bundle, a path or URI that every node reaches.
        config: where, by how many replicas, with which limits.

    Yields:
        The URL of the page.

    Raises:
        ClusterError: the port is taken, the cluster is too small or has another Serve, or a replica does not start.
    """
    check_fits("serving", count=config.least_replicas, cpus=config.cpus_per_replica, gpus=config.gpus_per_replica)
    check_port(config)
    _check_no_other()
    http = {"host": config.host, "port": config.port, "request_timeout_s": config.request_timeout_s}
    serve.start(http_options=http, logging_config=_QUIET)
    try:
        try:
            serve.run(build(absolute(place), config), name=_NAME, route_prefix="/", logging_config=_QUIET)
        except RuntimeError as error:
            raise ClusterError(f"the replicas do not start: {one_line(error)}") from error
        yield f"http://{_readable(config.host)}:{config.port}/"
    finally:
        serve.shutdown()


def check_port(config: ServeConfig) -> None:
    """Make sure that nobody listens at the port: Serve would share it with another of this user's processes.

    Requests would then go to either.

    Raises:
        ClusterError: somebody does, or the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((config.host, config.port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            reason = "another process listens there" if taken else (error.strerror or str(error)).lower()
            raise ClusterError(
                f"nothing can be served at {config.host}:{config.port}: {reason}; set serve.port or serve.host"
            ) from error


def _check_no_other() -> None:
    try:
        ray.get_actor(_CONTROLLER, namespace=_NAMESPACE)
    except ValueError:
        return
    raise ClusterError(
        "Ray Serve runs on this cluster already, with its own port and applications: add the student to it with `serve "
        "deploy` (configs/deploy/serve.yaml), or end it with `serve shutdown`"
    )


def _readable(host: str) -> str:
    """What a browser on this machine may be given."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 (compared, not bound)
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
