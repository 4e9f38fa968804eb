"""``visorbench compare``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from harness.cli.main import print_json
from harness.cli.report import find_run, reports_option, store_option

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("before")
@click.argument("after", default="latest")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@store_option
@reports_option
def compare(before: str, after: str, as_json: bool, store: str | None, reports: Path | None) -> None:
    """Compare two runs, metric by metric: the ratio of the medians, after ÷ before, with its 95 % interval.

    BEFORE and AFTER are ids, starts of ids, "latest", or folders. Hosts and subjects that differ are named first. The
    verdicts are those of `visorbench gate`, by the rules of [gate] in visorbench.toml. Exit 4 when the runs have no
    metric in common.
    """
    from harness.config.load import load  # noqa: PLC0415 - pydantic
    from harness.gate.compare import compare as compare_runs  # noqa: PLC0415 - numpy
    from harness.report.terminal import print_comparison  # noqa: PLC0415

    old, _ = find_run(before, store=store, reports=reports)
    new, _ = find_run(after, store=store, reports=reports)
    comparison = compare_runs(old, new, load().gate.rules())
    if as_json:
        print_json(comparison.to_dict())
    else:
        print_comparison(comparison)
    comparison.check_not_empty()
