"""What ``vb-compute`` printed, parsed as if an enemy had written it: a guest may be broken, or lie.

The lines' schema is in ``native/README.md``. Anything else than a complete report of checked repetitions raises; no
number is ever made from half of one.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.errors import MeasurementError, WrongAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

KERNELS: Mapping[str, str] = {
    "integer": "numbers/s",
    "float": "steps/s",
    "memory-bandwidth": "B/s",
    "pointer-chasing": "loads/s",
    "syscall": "calls/s",
    "context-switch": "switches/s",
    "process": "processes/s",
}
"""Every kernel and the unit of its value; higher is better."""

REPORT_LIMIT = 4 << 20
"""Bytes of a report that are read: more than ten thousand repetitions."""

_SCHEMA = 1
_MOST = 2**64
_LARGEST = 1e100
"""Far from any figure, and from what arithmetic with floats cannot hold."""
_HASH = re.compile(r"[0-9a-f]{16}", re.ASCII)
_WORD = re.compile(r"[\w .+():/~,-]{1,200}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Repetition:
    """One timed, checked repetition: ``value`` is in ``unit``, found from ``iterations`` in ``ns`` nanoseconds."""

    kernel: str
    repetition: int
    iterations: int
    ns: int
    value: float
    unit: str
    per_iteration: float
    """How many units (without "per second") one iteration is worth."""
    check: str
    """The answer, which was the expected one: 16 hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """How many iterations of a kernel take about the time that was asked for."""

    kernel: str
    iterations: int
    ns: int
    """Of the last run of the calibration."""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that one invocation printed."""

    os: str
    arch: str
    compiler: str
    clock_step_ns: int
    """The smallest step that CLOCK_MONOTONIC was seen to take."""
    seed: int
    calibrations: tuple[Calibration, ...]
    repetitions: tuple[Repetition, ...]


def parse_report(output: bytes) -> Report:
    """The report in a program's stdout; raises MeasurementError, and WrongAnswer for an unexpected answer."""
    if len(output) > REPORT_LIMIT:
        raise MeasurementError(f"vb-compute printed {len(output)} bytes: more than any report has")
    lines = output.split(b"\n")
    if lines.pop() != b"" or len(lines) < 2:
        raise _malformed(len(lines) + 1, "the report breaks off")
    start = _Line(1, lines[0], "start", _START)
    if start["schema"] != _SCHEMA:
        raise _malformed(1, f"schema {start['schema']}, not {_SCHEMA}")
    calibrations: list[Calibration] = []
    repetitions: list[Repetition] = []
    for number, line in enumerate(lines[1:-1], start=2):
        event = _decode(number, line).get("event")
        if event == "calibration":
            calibrations.append(Calibration(**_Line(number, line, event, _CALIBRATION).fields))
        else:
            repetitions.append(_repetition(_Line(number, line, "repetition", _REPETITION)))
    end = _Line(len(lines), lines[-1], "end", _END)
    if end["lines"] != len(lines) - 2:
        raise _malformed(len(lines), f"{end['lines']} lines were written and {len(lines) - 2} arrived")
    described = {name: start[name] for name in ("os", "arch", "compiler", "clock_step_ns", "seed")}
    return Report(**described, calibrations=tuple(calibrations), repetitions=tuple(repetitions))


def _repetition(line: _Line) -> Repetition:
    fields = dict(line.fields)
    expected = fields.pop("expected")
    if fields["check"] != expected:
        raise WrongAnswer(
            f"{fields['kernel']} computed {fields['check']} where {expected} is right",
            fix="the machine computes wrongly: trust no figure of it", kernel=fields["kernel"],
        )  # fmt: skip
    unit = KERNELS[fields["kernel"]]
    if fields["unit"] != unit:
        raise _malformed(line.number, f"{fields['kernel']} in {fields['unit']}, not {unit}")
    value = fields["iterations"] * fields["per_iteration"] * 1e9 / fields["ns"]
    if not math.isclose(fields["value"], value, rel_tol=1e-9):
        raise _malformed(
            line.number, f"value {fields['value']!r} is not what iterations and ns give: {value!r}"
        )
    return Repetition(**fields)


class _Line:
    """One line with exactly the fields that its event has."""

    def __init__(
        self, number: int, line: bytes, event: str, checks: Mapping[str, Callable[[Any], bool]]
    ) -> None:
        self.number = number
        self.fields = _decode(number, line)
        if self.fields.pop("event", None) != event:
            raise _malformed(number, f"no {event} line")
        if missing := checks.keys() - self.fields.keys():
            kind = WrongAnswer if missing & {"check", "expected"} else MeasurementError
            raise kind(f"line {number} of vb-compute's report lacks {', '.join(sorted(missing))}")
        if self.fields.keys() - checks.keys():
            raise _malformed(number, "a field that no schema has")
        for name, check in checks.items():
            if not check(self.fields[name]):
                raise _malformed(number, f"{name} is {str(self.fields[name])[:60]!r}")

    def __getitem__(self, name: str) -> Any:
        return self.fields[name]


def _decode(number: int, line: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(line.decode("ascii"), object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise _malformed(number, f"not JSON: {line[:60]!r}") from None
    if not isinstance(fields, dict):
        raise _malformed(number, f"not an object: {line[:60]!r}")
    return fields


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field that is there twice")
    return fields


def _malformed(number: int, what: str) -> MeasurementError:
    return MeasurementError(f"line {number} of vb-compute's report is wrong: {what}")


def _count(value: object) -> bool:
    return type(value) is int and 0 <= value < _MOST


def _positive(value: object) -> bool:
    return _count(value) and value != 0


def _quantity(value: object) -> bool:
    return type(value) in (int, float) and 0 < value < _LARGEST  # type: ignore[operator]  # no NaN is


def _kernel(value: object) -> bool:
    return isinstance(value, str) and value in KERNELS


def _hash(value: object) -> bool:
    return isinstance(value, str) and _HASH.fullmatch(value) is not None


def _word(value: object) -> bool:
    return isinstance(value, str) and _WORD.fullmatch(value) is not None


_START = {
    "schema": _count,
    "os": _word,
    "arch": _word,
    "compiler": _word,
    "clock_step_ns": _positive,
    "seed": _count,
}
_CALIBRATION = {"kernel": _kernel, "iterations": _positive, "ns": _count}
_REPETITION = {
    "kernel": _kernel,
    "repetition": _count,
    "iterations": _positive,
    "ns": _positive,
    "value": _quantity,
    "unit": _word,
    "per_iteration": _quantity,
    "check": _hash,
    "expected": _hash,
}
_END = {"lines": _count}
