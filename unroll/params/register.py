"""`register`: how a model enters the registry."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from unroll.params.sections import Count, Section, Seed


class Register(Section):
    """How the model enters the registry."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    resamples: Count
    p_value: Annotated[float, Field(gt=0, lt=1)]
    seed: Seed
    floor: Literal["baseline"] | float | None
    """no version with a worse main score becomes champion: than its baseline's, or than this; null: any may"""
