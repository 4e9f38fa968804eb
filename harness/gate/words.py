"""What a gate says, as sentences that the terminal, Markdown, annotations and JUnit share."""

from __future__ import annotations

from math import isinf
from typing import TYPE_CHECKING

from harness.counted import counted
from harness.report.units import DASH, NO_BREAK, quantity
from harness.report.words import in_words

if TYPE_CHECKING:
    from harness.gate.model import Decision, Judged
    from harness.results.models import Failure


_SMALLEST = 1e-5
"""No reader needs a false-discovery rate more exactly."""


def verdict(decision: Decision) -> str:
    """The whole decision in one line."""
    judged = [each for each in decision.judged if each.verdict not in ("too few", "ignored")]
    parts = [
        _count(len(decision.regressed), "metric", "regressed"),
        _count(len(decision.failed), "scenario", "failed"),
        _count(len(decision.missing) if decision.missing_fails else 0, "metric", "missing"),
    ]
    told = ", ".join(part for part in parts if part)
    of = f"of {counted(len(judged), 'metric')} judged against {decision.baseline}"
    if told:
        return f"FAILED: {told} ({of})"
    better = _count(len(decision.improved), "metric", "improved")
    return f"passed: none {of} regressed" + (f"; {better}" if better else "")


def outcome(decision: Decision) -> str:
    """What changed, in one line, where nobody asked whether that is a pass."""
    same = sum(each.verdict == "same" for each in decision.judged)
    parts = [
        _count(len(decision.regressed), "metric", "regressed"),
        _count(len(decision.improved), "metric", "improved"),
        _count(len(decision.failed), "scenario", "failed"),
    ]
    changed = ", ".join(part for part in parts if part)
    return f"{changed}; {same} the same" if changed else _count(same, "metric", "judged: no difference")


def named(one: Judged) -> str:
    """``boot guest ready on tcg-arm64-tiny``."""
    return f"{one.scenario} {in_words(one.metric)} on {one.subject}"


def without_a_guest(one: Judged) -> str:
    """Of one of the host's own metrics: ``compute floating point without a guest is 12 % worse``."""
    way = "worse" if one.worse > 0 else "better"
    return f"{one.scenario} {in_words(one.metric)} without a guest is {share(abs(one.worse))} {way}"


def change(one: Judged) -> str:
    """``+5.2 %``: which way the median went; :func:`interval` is of the same."""
    return DASH if one.ratio is None else f"{one.ratio - 1:+,.1%}".replace("%", f"{NO_BREAK}%")


def shift(one: Judged) -> str:
    """``shifted by 4.9 % for the worse``: what is held against the size that is minded."""
    return f"shifted by {share(abs(one.worse))} for the {'worse' if one.worse > 0 else 'better'}"


def share(value: float) -> str:
    """``2 %``, ``0.5 %``, ``1,220 %``; ``∞`` of a baseline of zero."""
    if isinf(value):
        return "∞"
    percent = value * 100
    return f"{percent:.3g}{NO_BREAK}%" if abs(percent) < 1000 else f"{percent:,.0f}{NO_BREAK}%"


def medians(one: Judged) -> str:
    """``7.13 s → 7.50 s``."""
    return f"{quantity(one.before, one.unit)} → {quantity(one.after, one.unit)}"


def interval(one: Judged) -> str:
    """The 95 % interval of the change: ``+3.1 % to +7.4 %``."""
    if one.ratio_ci95 is None:
        return DASH
    low, high = (f"{end - 1:+,.1%}".replace("%", f"{NO_BREAK}%") for end in one.ratio_ci95)
    return f"{low} to {high}"


def counts(one: Judged) -> str:
    """``20 + 20``."""
    return f"{one.samples[0]} + {one.samples[1]}"


def sentence(one: Judged) -> str:
    """Everything about one change."""
    return (
        f"{named(one)}: {medians(one)}, {change(one)} ({interval(one)}); {shift(one)}, where "
        f"{share(one.min_effect)} is minded; {counts(one)} samples, false-discovery rate {rate(one)}"
    )


def rate(one: Judged) -> str:
    """The false-discovery rate at which it is called worse or better: ``0.04 %``, ``below 0.001 %``."""
    return f"below {share(_SMALLEST)}" if one.q < _SMALLEST else share(float(f"{one.q:.1g}"))


def failure(one: Failure) -> str:
    """What failed now and did not in the baseline."""
    return _failed(one, " fails now")


def failed(one: Failure) -> str:
    """What failed."""
    return _failed(one, "")


def _failed(one: Failure, now: str) -> str:
    where = f" on {one.subject}" if one.subject else ""
    return f"{one.scenario}{where}{now}: {one.error}: {one.message.splitlines()[0] if one.message else ''}"


def _count(number: int, what: str, did: str) -> str:
    return f"{counted(number, what)} {did}" if number else ""
