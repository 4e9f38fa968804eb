"""``visorbench history``."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.main import print_json
from harness.cli.outputs import check_output
from harness.cli.report import store_option, store_url
from harness.errors import OutputUnwritable
from harness.host.write_errors import naming_write_errors


@click.command()
@click.argument("metric")
@click.option("--subject", metavar="ID", help="Only this subject.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="The newest runs of each trend.",
)
@click.option("--plot", type=click.Path(path_type=Path), help="Draw it as SVG.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@store_option
def history(
    metric: str, *, subject: str | None, limit: int, plot: Path | None, as_json: bool, store: str | None
) -> None:
    """Show what the runs in the store say of METRIC, and where its level changed.

    METRIC is a metric's name, alone ("guest-ready") or with its scenario ("boot/guest-ready"). A change is a level that
    lasts for three runs at least and that chance explains in one of a hundred cases at most. Hosts with other
    fingerprints have trends of their own; where the subject is no longer the same, the trend says what changed.
    """
    from harness.report.changes import with_changes  # noqa: PLC0415 - numpy
    from harness.report.trend_table import print_history  # noqa: PLC0415
    from harness.results.history import history as read  # noqa: PLC0415 - sqlalchemy
    from harness.results.store import Store  # noqa: PLC0415

    if plot:
        check_output(plot, "the plot")
    with Store(store_url(store)) as results:
        trends = read(results, metric, subject=subject, limit=limit)
    found = [with_changes(trend) for trend in trends]
    if plot:
        from harness.report.trend_plot import standalone  # noqa: PLC0415 - matplotlib

        drawn = standalone(found)
        with naming_write_errors("the plot", plot, elsewhere="name another file", refused=OutputUnwritable):
            plot.write_text(drawn, encoding="utf-8")
    if as_json:
        print_json([each.to_dict() for each in found])
    else:
        print_history(found)
