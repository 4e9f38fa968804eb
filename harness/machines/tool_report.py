"""Reports of tools (fio, iperf3), read as if an enemy had written them: a guest may be broken, or lie."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.errors import MeasurementError

REPORT_LIMIT = 1 << 20
"""Bytes of a report that are read; no tool's has a tenth of that."""
TOLERANCE = 0.02
"""How far a tool's own rates may be from those of its counts, since it rounds."""

Count = Annotated[int, Field(ge=0, lt=1 << 53)]
Amount = Annotated[float, Field(ge=0, lt=1 << 53, allow_inf_nan=False)]


class Part(BaseModel):
    """Of a report's many fields those that are read: each must be there, and of its type."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


PartT = TypeVar("PartT", bound=Part)


def validated(report: type[PartT], output: bytes, tool: str) -> PartT:
    """One whole report; raises MeasurementError for anything else."""
    if len(output) > REPORT_LIMIT:
        raise MeasurementError(f"{tool} printed {len(output)} bytes: more than any report has")
    try:
        return report.model_validate_json(output)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise MeasurementError(f"{tool}'s report is wrong: {where or 'it'}: {first['msg']}") from None


def agrees(rate: float, counted: float) -> bool:
    """Whether a rate is that of the counts, as far as one can know."""
    return abs(rate - counted) <= TOLERANCE * counted + 1
