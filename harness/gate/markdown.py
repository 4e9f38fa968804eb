"""The summary of a gate as GitHub-flavoured Markdown: for a job's summary page or a pull request's comment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.gate import words
from harness.report.markdown import escaped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.gate.model import Decision, Judged

LISTED = 50
"""Rows of a table, and lines of a list: GitHub shows a summary of 1 MiB at most."""


def render(decision: Decision) -> str:
    """The whole summary."""
    return "\n".join(_lines(decision)) + "\n"


def _lines(decision: Decision) -> Iterator[str]:
    yield f"## VisorBench gate: {'passed' if decision.passed else 'failed'}"
    yield ""
    yield f"{escaped(words.verdict(decision))}. Run {escaped(decision.run)}."
    yield from _list("Failed now", map(words.failure, decision.failed))
    yield from _table("Regressed", decision.regressed)
    yield from _table("Improved", decision.improved)
    yield from _list("Not measured any more", decision.missing)
    yield from _list("Mind", decision.warnings)
    yield ""
    yield (
        "<sub>A metric has regressed when a permutation test, at a false-discovery rate of "
        f"{words.share(decision.false_discovery_rate)} over all metrics together, finds it worse, and it is worse by "
        "what is minded at least. Change: of the median, with its BCa bootstrap interval; shift: Hodges and "
        "Lehmann's ÷ the baseline's median, which is what is minded.</sub>"
    )


def _table(title: str, found: tuple[Judged, ...]) -> Iterator[str]:
    if not found:
        return
    yield from ("", f"### {title}", "")
    yield "| metric | subject | before | after | change | 95 % interval | samples | shift | minded |"
    yield "|---|---|--:|--:|--:|--:|--:|--:|--:|"
    for one in found[:LISTED]:
        metric, before, after = f"{one.scenario} {one.metric}", *words.medians(one).split(" → ")
        cells = (
            metric,
            one.subject,
            before,
            after,
            words.change(one),
            words.interval(one),
            words.counts(one),
        )
        yield (
            "| "
            + " | ".join(map(escaped, (*cells, words.share(abs(one.worse)), words.share(one.min_effect))))
            + " |"
        )
    yield from _rest(len(found))


def _list(title: str, sentences: Iterable[str]) -> Iterator[str]:
    every = list(sentences)
    if not every:
        return
    yield from ("", f"### {title}", "")
    for each in every[:LISTED]:
        yield f"- {escaped(each)}"
    yield from _rest(len(every))


def _rest(number: int) -> Iterator[str]:
    if number > LISTED:
        yield from ("", f"… and {number - LISTED} more")
