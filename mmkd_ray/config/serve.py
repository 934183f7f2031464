"""How a student is served over HTTP."""

from __future__ import annotations

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from mmkd_ray.config.base import Section


def _a_prefix(url: str) -> str:
    parts = urlsplit(url)
    # Without a slash behind it, https://images.example.org would admit https://images.example.org.elsewhere.net.
    if parts.scheme not in ("http", "https") or not parts.netloc or not parts.path.startswith("/"):
        raise ValueError("the beginning of URLs is accepted, host and a slash at least: https://images.example.org/")
    return url


class ServeConfig(Section):
    """How a student is served (`mmkd serve`, `serve deploy`). It decides no number."""

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """Address that is listened on: this machine's own by default; `0.0.0.0` for all of its networks. There are no
    accounts and no TLS: put a gateway in front of what is open to others."""
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    replicas: PositiveInt | tuple[PositiveInt, PositiveInt] = 1
    """Processes that hold the student; [least, most]: between these, as requests come and go."""
    cpus_per_replica: PositiveInt = 1
    """CPU cores that a replica reserves, and threads that it computes with."""
    gpus_per_replica: NonNegativeFloat = 0
    """GPUs that a replica reserves: 0, 1, or a fraction of one that several share."""
    batch_size: PositiveInt = 32
    """Images that are computed at once, at most, whichever requests they come from."""
    batch_wait_ms: NonNegativeFloat = 20
    """How long a first image waits for others. On CPUs a batch that begins at once stays small: while it is computed,
    the cores have no time to take the next requests."""
    ongoing_requests: PositiveInt = 64
    """Requests that a replica works on at the same time, at least `batch_size`; more make fuller batches."""
    queued_requests: PositiveInt = 256
    """Requests that wait for a replica, at each node that takes them; more are answered with 503 and `Retry-After`."""
    retry_after_s: PositiveFloat = 1
    """What `Retry-After` says, rounded up to whole seconds."""
    request_timeout_s: PositiveFloat = 60
    """How long a request may take, waiting for a replica too (there is none, say, while a killed one starts again);
    then it is answered with 408."""
    shutdown_timeout_s: PositiveFloat = 20
    """How long requests that are being answered may take to end when the service ends."""
    max_upload_bytes: PositiveInt = 32_000_000
    """Size of a request, at most, and of what a URL gives."""
    max_pixels: PositiveInt = 50_000_000
    """Width x height of an image, at most (decompression bombs)."""
    images_per_request: PositiveInt = 32
    """Images in one request, at most."""
    top_classes: PositiveInt = 10
    """Classes that an answer names, the most probable ones."""
    url_prefixes: tuple[Annotated[str, AfterValidator(_a_prefix)], ...] = ()
    """Images may be given by URLs that begin with one of these, e.g. `[https://images.example.org/]`; none: by none.
    Redirects are not followed."""

    @property
    def least_replicas(self) -> int:
        """Smallest number of replicas."""
        return self.replicas if isinstance(self.replicas, int) else self.replicas[0]

    @property
    def most_replicas(self) -> int:
        """Largest number of replicas."""
        return self.replicas if isinstance(self.replicas, int) else self.replicas[1]

    @model_validator(mode="after")
    def _combinations_are_possible(self) -> Self:
        if self.least_replicas > self.most_replicas:
            raise ValueError(
                "serve.replicas must be a number or [least, most] with least <= most, got "
                f"[{self.least_replicas}, {self.most_replicas}]"
            )
        if self.ongoing_requests < self.batch_size:
            raise ValueError(
                f"serve.ongoing_requests ({self.ongoing_requests}) is less than serve.batch_size ({self.batch_size}): "
                "batches of single images would never fill; raise it to at least that"
            )
        return self
