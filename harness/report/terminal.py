"""What a bench, ``visorbench runs`` and ``visorbench compare`` print."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from harness.counted import counted
from harness.report import summary, units
from harness.report.guest_text import plain
from harness.report.key_table import key_table
from harness.report.targets import target_tables
from harness.report.terminal_key import key_tables
from harness.report.words import in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table

    from harness.gate.compare import Comparison
    from harness.gate.model import Judged
    from harness.report.targets import TargetTable
    from harness.results.models import Run
    from harness.results.store import RunLine
    from harness.results.undelivered import Delivery

INTERRUPTED = "(interrupted)"

_COLOURS = {
    "improved": "green", "regressed": "red", "same": "dim", "too few": "yellow", "ignored": "dim",
    "reached": "green", "missed": "red", "unclear": "yellow",
}  # fmt: skip


def print_table(run: Run, console: Console | None = None) -> None:
    """The summary of a run: a sentence for each subject, the key metrics, and what was skipped or failed."""
    from rich.text import Text  # noqa: PLC0415 - slow to import

    out = console or _console()
    names = summary.labels(run)
    for notice in run.notices:
        out.print(Text(plain(notice), style="yellow"))
        out.print()
    key = key_table(run)
    for table in key_tables(key, names, out.width):
        out.print(table)
        out.print()
    omitted = {"more subject": key.omitted_subjects, "more metric": key.omitted_metrics}
    if told := [counted(count, what) for what, count in omitted.items() if count]:
        out.print(Text(f"{' and '.join(told)} in the report\n", style="dim"))
    for aims in target_tables(run):
        print_targets(aims, out)
        out.print()
    for headline in summary.headlines(run):
        out.print(Text.assemble((headline.label, "bold"), "  ", "; ".join(headline.clauses)))
    for failure in run.failed:
        where = names.get(failure.subject or "", failure.subject) or "host"
        text = f"{failure.scenario} on {where}: {_first_line(failure.message)}"
        out.print(Text.assemble(("failed   ", "red"), plain(text)))
    for skip in run.skipped:
        where = names.get(skip.subject or "", skip.subject) or "host"
        out.print(Text.assemble(("skipped  ", "yellow"), plain(f"{where}: {_first_line(skip.reason)}")))
    counts = f"{len(run.passed())} measured, {len(run.failed)} failed, {len(run.skipped)} skipped"
    out.print(
        Text(f"{counts}; {counted(run.sample_count, 'sample')} in {len(run.series):,} series", style="dim")
    )


def print_targets(table: TargetTable, console: Console | None = None) -> None:
    """One metric of a scenario beside its targets: for everything that was run the baseline, then every subject."""
    from rich.table import Table  # noqa: PLC0415 - slow to import
    from rich.text import Text  # noqa: PLC0415

    shown = Table(box=None, pad_edge=False, header_style="bold")
    shown.add_column(Text(plain(f"{table.scenario}: {in_words(table.metric)}")), overflow="fold")
    for name in ("median", "of native, 95 % interval", *(label for label, _ in table.targets)):
        shown.add_column(Text(plain(name)), justify="right")
    told = None
    for group in table.groups:
        if group.title != told:
            told = group.title
            shown.add_row(Text(plain(told), style="bold"))
        shown.add_row(_indented(group.baseline), plain(group.baseline_value), style="dim")
        for row in group.rows:
            interval = f" [{row.interval.replace(units.TO, units.DASH)}]" if row.ci95 else ""
            verdicts = (Text(verdict, style=_COLOURS[verdict]) for verdict in row.verdicts)
            shown.add_row(_indented(row.subject), plain(row.value), row.percent + interval, *verdicts)
    (console or _console()).print(shown)


def _indented(text: str) -> Padding:
    """A name in the first column, which goes on in the next line where it is too long."""
    from rich.padding import Padding  # noqa: PLC0415 - slow to import
    from rich.text import Text  # noqa: PLC0415

    return Padding(Text(plain(text), overflow="fold"), (0, 0, 0, 2))


def print_runs(lines: Sequence[RunLine], console: Console | None = None) -> None:
    """A row for each run, newest first, in 80 columns; ``--json`` has every count."""
    from rich.table import Table  # noqa: PLC0415 - slow to import

    out = console or _console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("run", "started (UTC)"):
        table.add_column(name, no_wrap=True)
    table.add_column("profile", overflow="fold", min_width=len(INTERRUPTED))
    for name in ("samples", "failed", "skipped"):
        table.add_column(name, justify="right", no_wrap=True)
    for line in lines:
        profile = line.profile if line.finished else f"{line.profile} {INTERRUPTED}"
        counts = (line.samples, line.failed, line.skipped)
        table.add_row(
            line.id, line.started[:16].replace("T", " "), plain(profile), *(f"{n:,}" for n in counts)
        )
    out.print(table)


def print_delivery(delivery: Delivery, console: Console | None = None) -> None:
    """Which older runs the store took now, and which still wait for it."""
    out = console or _console()
    if delivery.done:
        out.print(f"stored too, having waited for it: {', '.join(delivery.done)}", markup=False)
    for sentence in delivery.waiting:
        out.print(f"still not stored: {sentence}", markup=False, style="yellow")


def print_comparison(comparison: Comparison, console: Console | None = None) -> None:
    """What is unlike first, then every metric with its ratio and interval, by subject and scenario."""
    from rich.text import Text  # noqa: PLC0415 - slow to import

    out = console or _console()
    out.print(Text(f"{comparison.before}  →  {comparison.after}", style="bold"))
    for sentence in comparison.unlike:
        out.print(Text.assemble(("not like with like: ", "yellow"), plain(sentence)))
    print_judged(comparison.changes, out)
    for name, only in (("before", comparison.only_before), ("after", comparison.only_after)):
        if only:
            counts = Counter(series.partition("/")[0] for series in only)
            shown = ", ".join(f"{count} of {scenario}" for scenario, count in counts.items())
            out.print(Text(f"series only {name}: {plain(shown)}", style="dim"))


def print_judged(
    judged: Sequence[Judged],
    console: Console | None = None,
    *,
    sides: tuple[str, str, str] = ("before", "after", "ratio"),
) -> None:
    """A table for each subject: every metric with its ratio, the interval of that, and the verdict."""
    out = console or _console()
    for subject in dict.fromkeys(each.subject for each in judged):
        out.print()
        out.print(_changes(subject, [each for each in judged if each.subject == subject], sides))


def _changes(subject: str, changes: Sequence[Judged], sides: tuple[str, str, str]) -> Table:
    """One subject's metrics under their scenarios; a name too long for the page goes on in the next line."""
    from rich.table import Table  # noqa: PLC0415 - slow to import
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(Text(subject), overflow="fold")
    for name in (*sides[:2], f"{sides[2]}, 95 % interval"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    for scenario in dict.fromkeys(change.scenario for change in changes):
        table.add_row(Text(scenario, style="bold"))
        for change in changes:
            if change.scenario == scenario:
                metric = _indented(in_words(change.metric))
                verdict = Text(change.verdict, style=_COLOURS[change.verdict])
                table.add_row(metric, *_change_cells(change), verdict)
    return table


def _change_cells(change: Judged) -> list[str]:
    ratio = units.DASH
    if change.ratio is not None:
        ratio = f"{change.ratio:.2f}"
        if change.ratio_ci95:
            ratio += f" [{units.TO.join(f'{end:.2f}' for end in change.ratio_ci95)}]"
    return [units.quantity(change.before, change.unit), units.quantity(change.after, change.unit), ratio]


def _first_line(text: str) -> str:
    return text.split("\n", 1)[0]


def _console() -> Console:
    from rich.console import Console  # noqa: PLC0415 - slow to import

    return Console(highlight=False, markup=False)
