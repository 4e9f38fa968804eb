"""``report.md``: the report for a pull request or a terminal, without pictures."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.counted import counted
from harness.report import host, summary, tables, units
from harness.report.guest_text import plain
from harness.report.targets import target_tables
from harness.report.words import in_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from harness.report.tables import Scenario
    from harness.report.targets import TargetTable
    from harness.results.models import Run

_SPECIAL = re.compile(r"([\\`*_\[\]<>#|~&$@])")
"""What CommonMark and GitHub's Markdown give a meaning, mentions included."""


def render(run: Run) -> str:
    """The whole report as GitHub-flavoured Markdown."""
    return "\n".join(_lines(run)) + "\n"


def escaped(text: str) -> str:
    """Text as one line of Markdown that shows it as it is."""
    return _SPECIAL.sub(r"\\\1", " ".join(plain(text).split()))


def _lines(run: Run) -> Iterator[str]:
    names = summary.labels(run)
    yield f"# VisorBench {escaped(run.id)}"
    yield ""
    for notice in run.notices:
        yield f"**{escaped(notice)}**"
        yield ""
    if run.unfinished:
        yield "**This run was interrupted**; what it had measured is here."
        yield ""
    for headline in summary.headlines(run):
        yield f"- **{escaped(headline.label)}**: {escaped('; '.join(headline.clauses))}"
    yield ""
    if baseline := summary.baseline(run):
        yield from (escaped(baseline), "")
    counts = f"{len(run.passed())} measured, {len(run.failed)} failed, {len(run.skipped)} skipped"
    yield f"{counts}; {counted(run.sample_count, 'sample')} in {len(run.series):,} series."
    aims = target_tables(run)
    for scenario in tables.scenarios(run):
        yield from ("", f"## {escaped(scenario.name)}")
        for table in aims:
            if table.scenario == scenario.name:
                yield from _targets(table)
        yield from _scenario(scenario)
        yield from _pictures(run, scenario.name, names)
    yield from _entries("Failed", [
        f"**{escaped(_where(f.scenario, f.subject, names))}**: {escaped(f.error)}: {escaped(f.message)}"
        for f in run.failed
    ])  # fmt: skip
    yield from _entries("Skipped", [
        f"**{escaped(_where(s.scenario, s.subject, names))}** ({escaped(s.code)}): {escaped(s.reason)}"
        + (f" Fix: {escaped(s.fix)}" if s.fix else "")
        for s in run.skipped
    ])  # fmt: skip
    yield from _host(run)


def _scenario(scenario: Scenario) -> Iterator[str]:
    yield ""
    rows = [row for metric in scenario.metrics for row in metric.rows]
    compared, tails = any(row.ratio for row in rows), any(row.p95 for row in rows)
    header = [
        "metric",
        "subject",
        "median",
        "95 % interval",
        *(["p95"] if tails else []),
        "n",
        *(["of native", "95 % interval"] if compared else []),
    ]
    yield from _table(header, (
        [f"{in_words(metric.name)} ({metric.direction})", row.subject, row.median, row.ci95,
         *([row.p95] if tails else []), row.n, *([row.ratio, row.ratio_ci95] if compared else [])]
        for metric in scenario.metrics for row in metric.rows
    ))  # fmt: skip
    for metric in scenario.metrics:
        for row in metric.rows:
            for note in row.notes:
                yield f"\n{escaped(in_words(metric.name))} on {escaped(row.subject)}: {escaped(note)}"
    for name, definition in scenario.definitions:
        yield f"\n*{escaped(name)}*: {escaped(definition)}"
    for subject, facts in scenario.facts:
        told = "; ".join(f"{name}: {value}" for name, value in facts)
        yield f"\n**{escaped(subject)}**: {escaped(told)}"


def _targets(table: TargetTable) -> Iterator[str]:
    yield from ("", f"### {escaped(table.title)}", "")
    header = [
        "",
        "subject",
        "median",
        "of native",
        "95 % interval",
        *(escaped(label) for label, _ in table.targets),
    ]
    yield from _table(header, (
        [f"{group.title} (100 % is {group.whole})", row.subject, row.value, row.percent, row.interval, *row.verdicts]
        for group in table.groups for row in group.rows
    ))  # fmt: skip


def _pictures(run: Run, scenario: str, names: dict[str, str]) -> Iterator[str]:
    found = [picture for picture in run.pictures if picture.scenario == scenario]
    if found:
        yield from ("", "Pictures:", "")
    for picture in found:
        about = [picture.caption, *(f"{name}: {host.fact(value)}" for name, value in picture.facts.items())]
        told = escaped("; ".join(filter(None, about)))
        title = escaped(f"{picture.name} on {names[picture.subject]}")
        yield f"- [{title}](./{picture.file}){': ' if told else ''}{told}"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield f"|{'|'.join(['---', '---', *['---:'] * (len(header) - 2)])}|"
    for row in rows:
        yield f"| {' | '.join(escaped(cell) for cell in row)} |"


def _entries(title: str, entries: Sequence[str]) -> Iterator[str]:
    if entries:
        yield from ("", f"## {title}", "", *(f"- {entry}" for entry in entries))


def _host(run: Run) -> Iterator[str]:
    yield from ("", "## Host and subjects", "")
    facts = run.run.host.facts
    for name, value in host.rows(facts):
        yield f"- {escaped(name)}: {escaped(value)}"
    for sentence in host.noise(facts):
        yield f"- noisy: {escaped(sentence)}"
    yield f"- fingerprint: `{escaped(run.run.host.fingerprint)}`"
    yield ""
    for subject in run.subjects:
        options = host.fact(subject.config) if subject.config else units.DASH
        about = f"{subject.backend} {subject.backend_version}, guest {subject.guest or units.DASH}, {options}"
        yield f"- **{escaped(subject.id)}**: {escaped(about)}; fingerprint {escaped(subject.fingerprint)}"


def _where(scenario: str, subject: str | None, names: dict[str, str]) -> str:
    return f"{scenario} on {names.get(subject, subject)}" if subject else scenario
