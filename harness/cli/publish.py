"""``visorbench publish``."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.browser import open_page
from harness.cli.report import reports_option, store_option, store_url
from harness.counted import counted


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--prune", is_flag=True, help="Remove runs that neither reports nor store have any more.")
@click.option("--open", "show", is_flag=True, help="Open the site in a browser.")
@store_option
@reports_option
def publish(folder: Path, prune: bool, show: bool, store: str | None, reports: Path | None) -> None:
    """Write a site of every run to DIR, or add to it what is new.

    The site lists the runs, has the report and raw data of each, the trend of every metric, and compares any two runs.
    It needs no server and no network. Its links stay: a run that it has stays in it, though its folder be gone, until
    --prune. A damaged run is named and left out.
    """
    from harness.config.load import load, reports_folder  # noqa: PLC0415 - pydantic
    from harness.report.site.publish import publish as publish_site  # noqa: PLC0415 - jinja2
    from harness.report.site.sources import in_reports, in_store  # noqa: PLC0415
    from harness.results.store import Store  # noqa: PLC0415 - sqlalchemy

    found, skipped = in_reports(reports or reports_folder(load()))
    with Store(store_url(store)) as results:
        sources = [*found, *in_store(results, {source.name for source in found})]
        site = publish_site(folder, sources, prune=prune, tell=_tell)
    for each in (*skipped, *site.skipped):
        _tell(f"skipped: {each.name} {each.why}")
    for name, runs in (("published", site.published), ("removed", site.removed)):
        if runs:
            _tell(f"{name} {counted(len(runs), 'run')}")
    _tell(f"the site has {counted(len(site.runs), 'run')}")
    click.echo(site.page)
    if show:
        open_page(site.page)


def _tell(text: str) -> None:
    click.echo(text, err=True)
