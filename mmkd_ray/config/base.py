"""The base class of all sections of the configuration."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
"""The narrowest range of all that seeds are given to is that of numpy's RandomState (Optuna's sampler). torch takes 64
bits, and is given `seed * 1,000,003 + epoch`."""


def _an_endpoint(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError("a URL such as http://localhost:8000/v1 is accepted")
    if parts.query or parts.fragment:
        raise ValueError(
            "a URL ends in its path, e.g. http://localhost:8000/v1, since names are appended to it: leave out what "
            "follows; a key belongs in the environment variable that api_key_env names"
        )
    return url


EndpointUrl = Annotated[str, AfterValidator(_an_endpoint)]
"""Where a server answers; paths of requests are appended."""

Place = Annotated[str, Field(min_length=1)]
"""A path or URI; an empty one, as of a variable that is not set, would be the current folder."""


class Section(BaseModel):
    """Base of all sections: unknown keys and wrong types are refused, values cannot be changed."""

    # Defaults are validated too: a default of 1 for a float becomes 1.0, as if read from a file; else the same value
    # would have two fingerprints.
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        use_attribute_docstrings=True,
        validate_default=True,
        allow_inf_nan=False,
    )
