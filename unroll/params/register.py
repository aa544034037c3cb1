"""`register`: how a model enters the registry."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from unroll.params.sections import Count, Section


class Register(Section):
    """How the model enters the registry."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    resamples: Count
    p_value: Annotated[float, Field(gt=0, lt=1)]
    seed: int
