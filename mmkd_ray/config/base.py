"""The base class of all sections of the configuration."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
"""The narrowest range of all that seeds are given to is that of numpy's RandomState (Optuna's sampler). torch takes 64
bits, and is given `seed * 1,000,003 + epoch`."""


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
