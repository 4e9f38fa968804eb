"""``results.json``: read and checked, or refused with what is wrong with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

from harness.errors import ResultsUnusable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pydantic import ValidationError

    from harness.results.models import Run, Series

AS_WRITTEN = "take the file as the run wrote it"
"""What to do about one that was damaged or edited."""


def read_document(path: Path) -> Run:
    """The run in a ``results.json``; raises ResultsUnusable."""
    from harness.results.models import Run  # noqa: PLC0415 - pydantic

    try:
        content = path.read_bytes()
    except OSError as error:
        _refuse(path, f"cannot be read: {error.strerror}", fix="check the path and its permissions")
    if not content.strip():
        _refuse(path, "is empty", fix=AS_WRITTEN)
    try:
        run = Run.from_json(content)
    except ValueError as error:  # pydantic's ValidationError is one
        _explain(path, content, error)
    _check_unedited(run, path)
    return run


def _check_unedited(run: Run, path: Path) -> None:
    """Every summary must be that of its samples; raises ResultsUnusable.

    The interval is left out: its method may differ between versions, what the others are may not.
    """
    for series in run.series:
        said = series.summary
        found = (min(series.samples), _median(series), max(series.samples))
        if not all(map(_close, found, (said.min, said.median, said.max))):
            _refuse(
                path,
                f"was edited: {'/'.join(series.key)} says min, median and max are {said.min:g}, {said.median:g} and "
                f"{said.max:g}; of its samples they are {found[0]:g}, {found[1]:g} and {found[2]:g}",
                fix=AS_WRITTEN,
            )


def _median(series: Series) -> float:
    import numpy as np  # noqa: PLC0415 - a light command does not pay for it

    return float(np.median(series.samples))


def _close(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-9 * max(abs(one), abs(other))


def _explain(path: Path, content: bytes, error: ValueError) -> NoReturn:
    """Refuse a document that no model takes, for the first reason that a person would give."""
    numbers: list[str] = []
    try:
        document: Any = json.loads(content, parse_constant=_remember(numbers))
    except (ValueError, RecursionError) as syntax:
        _refuse(path, f"is not JSON: {syntax}", fix=AS_WRITTEN)
    if numbers:
        _refuse(path, f"holds {numbers[0]}, which nobody measured", fix=AS_WRITTEN)
    if not isinstance(document, dict) or "schema" not in document or "run" not in document:
        _refuse(path, "is not the results.json of a run", fix="name a results.json of VisorBench's")
    if document["schema"] != 1:
        _refuse(
            path, f"is of schema {document['schema']!r}, and this VisorBench reads schema 1",
            fix="use the version of VisorBench that wrote it, or measure with this one",
        )  # fmt: skip
    _refuse(path, f"was edited or damaged: {_first(error)}", fix=AS_WRITTEN)


def _remember(numbers: list[str]) -> Callable[[str], float]:
    def constant(name: str) -> float:
        numbers.append(name)
        return 0.0

    return constant


def _first(error: ValidationError | ValueError) -> str:
    """Where and what: ``series.3.samples: …``."""
    try:
        first = error.errors()[0]  # type: ignore[union-attr]
    except AttributeError:
        return str(error)[:300]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"[:300]


def _refuse(path: Path, what: str, *, fix: str) -> NoReturn:
    raise ResultsUnusable(f"{path} {what}", fix=fix, path=path)
