"""The base class of all sections of the configuration."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """Base of all sections: unknown keys and wrong types are refused, values cannot be changed."""

    # Defaults are validated too: a default of 1 for a float becomes 1.0, as if read from a file; else the same value
    # would have two fingerprints.
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True, validate_default=True
    )
