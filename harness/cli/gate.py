"""``visorbench gate`` and ``visorbench gate calibrate``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.group import Group
from harness.cli.main import print_json
from harness.cli.report import find_run, reports_option, store_option
from harness.counted import counted
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.gate.calibrate import Calibration
    from harness.gate.model import Decision
    from harness.gate.rules import Rules
    from harness.results.models import Run

RUN = "latest"

config_option = click.option(
    "--config", type=click.Path(path_type=Path), help="Read this instead of visorbench.toml."
)
markdown_option = click.option(
    "--markdown", type=click.Path(path_type=Path), help="Write a summary in Markdown."
)
junit_option = click.option(
    "--junit", type=click.Path(path_type=Path), help="Write JUnit XML, a test case for each metric."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(cls=Group, invoke_without_command=True)
@click.option("--baseline", metavar="FILE|RUN", help="The run to compare with: a results.json, or a run.")
@click.option("--run", metavar="FILE|RUN", default=RUN, show_default=True, help="The run to judge.")
@click.option(
    "--allow-unlike",
    is_flag=True,
    help="Judge although hosts or subjects differ, or the host itself lost.",
)
@click.option("--allow-incomplete", is_flag=True, help="Judge what an interrupted run had measured.")
@markdown_option
@junit_option
@json_option
@config_option
@store_option
@reports_option
@click.pass_context
def gate(ctx: click.Context, /, baseline: str | None, run: str, as_json: bool, **options: Any) -> int | None:
    """Fail when a run is slower than its baseline: beyond chance, and by more than is minded.

    A metric has regressed when a permutation test finds it worse, at a false-discovery rate of 0.5 % over all metrics
    together, and by 2 % of the baseline at least; [gate] in visorbench.toml changes both, for each metric if need be.
    An improvement is reported. Exit codes: 0 nothing regressed, 1 something did or fails now, 2 the baseline cannot be
    used or is not alike, 4 nothing could be judged: for one, because the host without a guest became slower too, or
    others had a third of its CPU time. Under GitHub Actions the job's summary and annotations are written.
    """
    if ctx.invoked_subcommand:
        return None
    if not baseline:
        raise UsageError(
            "a gate needs a baseline", fix="--baseline FILE|RUN: `visorbench runs` lists the runs"
        )
    from harness.cli.verdict import print_decision, tell_ci  # noqa: PLC0415

    decision = _decide(baseline, run, options)
    if as_json:
        print_json(decision.to_dict())
    else:
        print_decision(decision)
    tell_ci(decision, markdown=options["markdown"], junit=options["junit"], on_stderr=as_json)
    return 0 if decision.passed else 1


@gate.command()
@click.option("--run", metavar="FILE|RUN", help="Split this run instead of measuring one.")
@click.option("-k", "expression", metavar="EXPR", default="test_boot", show_default=True,
              help="What to measure, as for `bench`.")  # fmt: skip
@click.option(
    "--profile", metavar="NAME", default="calibrate", show_default=True, help="How much to measure."
)
@click.option(
    "--samples",
    type=click.IntRange(min=2),
    help="Samples in each part; 20 by default, or half of fewer than 40.",
)
@click.option(
    "--splits", type=click.IntRange(min=20), default=400, show_default=True, help="Splits per metric."
)
@json_option
@config_option
@store_option
@reports_option
def calibrate(run: str | None, as_json: bool, splits: int, **options: Any) -> None:
    """Measure A against A on this host: how often a gate fails for nothing, and the smallest change it sees.

    One run is split in two again and again: by chance, and by time (what came first against what came next), where
    this host's own drift is a false alarm too. The smallest change is the one seen in four of five splits.
    """
    from harness.gate.calibrate import calibrate as calibrated  # noqa: PLC0415 - numpy

    if run is None:
        _measure(options, on_stderr=as_json)
    found = _load(run or RUN, options)
    result = calibrated(found, configured_rules(options["config"]), n=options["samples"], splits=splits)
    if as_json:
        print_json(result.to_dict())
    else:
        _print_calibration(result, splits)


def _measure(options: dict[str, Any], *, on_stderr: bool) -> None:
    from harness.cli.bench import measure  # noqa: PLC0415 - pytest

    said = {key: options[key] for key in ("profile", "config", "store", "reports")}
    measure((), options["expression"], said, on_stderr=on_stderr)


def _decide(baseline: str, run: str, options: dict[str, Any]) -> Decision:
    from harness.gate.decide import decide  # noqa: PLC0415 - numpy
    from harness.gate.likeness import check_alike, check_complete, check_host_stayed, unlike_fingerprints  # noqa: PLC0415

    rules = configured_rules(options["config"])
    before, after = _load(baseline, options), _load(run, options)
    if before.id == after.id:
        raise UsageError(f"{after.id} is its own baseline", fix="name another run with --baseline or --run")
    if not options["allow_incomplete"]:
        check_complete(before, after)
    if options["allow_unlike"]:
        unlike = [f"Not like with like: {each}." for each in unlike_fingerprints(before, after)]
        decision = decide(before, after, rules)
        return replace(decision, warnings=(*unlike, *decision.warnings))
    check_alike(before, after)
    decision = decide(before, after, rules)
    check_host_stayed(decision, after)
    return decision


def _load(name: str, options: dict[str, Any]) -> Run:
    """A run from a file, the reports or the store; what a file says must be what its samples say."""
    from harness.gate.baseline import read_baseline  # noqa: PLC0415 - pydantic

    path = Path(name)
    if path.is_file() or path.suffix == ".json":
        return read_baseline(path)
    return find_run(name, store=options["store"], reports=options["reports"])[0]


def configured_rules(config: Path | None) -> Rules:
    """Those of ``[gate]``, in this file or the one in force."""
    from harness.config.load import load  # noqa: PLC0415 - pydantic

    return load(config).gate.rules()


def _print_calibration(result: Calibration, splits: int) -> None:
    from harness.report.units import DASH  # noqa: PLC0415

    width = max(len(each.name) for each in result.metrics)
    click.echo(f"{'metric':<{width}}     n  false alarms  in time  sees")
    for each in result.metrics:
        in_time = DASH if each.by_time is None else f"{each.by_time:.1%}"
        sees = "nothing" if each.smallest is None else f"{each.smallest:.1%}"
        click.echo(f"{each.name:<{width}}  {each.n:>4}  {each.by_chance:>12.1%}  {in_time:>7}  {sees:>7}")
    click.echo(
        f"\nOf {splits} gates over {counted(len(result.metrics), 'metric')} of {result.run} against itself, "
        f"split by chance, {result.gates_failed:.1%} failed."
    )
    click.echo(
        "False alarms: of one metric alone. In time: what came first against what came next. Sees: the smallest "
        "worsening that is seen in four of five splits."
    )
