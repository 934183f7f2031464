"""The command that serves a student."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated

from typer import Argument

from mmkd_ray.cli.request import Request

if TYPE_CHECKING:
    from mmkd_ray.config import Config, ServeConfig
    from mmkd_ray.console import Console


def serve(
    bundle: Annotated[str, Argument(metavar="BUNDLE", help="a student's folder, e.g. runs/NAME/study/makd-seed0-...")],
    overrides: Annotated[
        list[str] | None,
        Argument(
            metavar="serve.key=value|FILE.yaml",
            help="e.g. serve.port=8001; of a file, the sections serve: and cluster: count",
            show_default=False,
        ),
    ] = None,
) -> Request:
    """Serve a student over HTTP, with a page for people; Ctrl-C ends it."""
    return Request(partial(_serve, bundle, overrides or ()))


def _serve(bundle: str, overrides: Sequence[str]) -> int:
    from mmkd_ray.cli.running import run_logged
    from mmkd_ray.cluster.environment import prepare_process
    from mmkd_ray.serve.settings import settings

    config = settings(overrides)
    prepare_process(offline=True)  # a bundle brings its weights
    return run_logged(partial(_serve_until_stopped, bundle, config), "serve", bundle, folder=None)


def _serve_until_stopped(bundle: str, config: Config, console: Console) -> None:
    from mmkd_ray.cli.failures import Terminated
    from mmkd_ray.cluster.connection import connect
    from mmkd_ray.serve.deployment import check_port, serving
    from mmkd_ray.students.bundle import load_bundle

    card = load_bundle(bundle).card  # a mistake is found before anything is started
    check_port(config.serve)
    console.say(f"student   {card.name}: {card.model}, {card.classes} classes, {len(card.questions)} questions")
    with connect(config.cluster) as cluster:
        console.say(f"cluster   {cluster}")
        with serving(bundle, config.serve) as url:
            console.say(f"serving   {url}  {_replicas(config.serve)}; Ctrl-C ends it")
            try:
                threading.Event().wait()
            except (KeyboardInterrupt, Terminated):
                console.say(f"stopping  requests that are being answered have {config.serve.shutdown_timeout_s:g} s")
    console.say("stopped")


def _replicas(config: ServeConfig) -> str:
    least, most = config.least_replicas, config.most_replicas
    return f"{least} to {most} replicas" if least < most else f"{least} replica{'s' if least > 1 else ''}"
