"""``visorbench export`` and ``visorbench import``."""

from __future__ import annotations

import io
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.outputs import check_output
from harness.cli.report import find_run, reports_option, store_option, store_url
from harness.counted import counted
from harness.errors import OutputUnwritable, ResultsUnusable, UnknownName, UsageError
from harness.results.export import TEXT_FORMATS, write_github_action_benchmark

if TYPE_CHECKING:
    from harness.results.models import Better, Run
    from harness.results.store import Store

FORMATS = ("bmf", "csv", "github-action-benchmark", "json", "openmetrics", "parquet")


@click.command()
@click.argument("run", default="latest")
@click.option("--format", "kind", required=True, type=click.Choice(FORMATS), help="What to write.")
@click.option(
    "--better", type=click.Choice(["lower", "higher"]), help="For github-action-benchmark: one direction."
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="File to write; standard output by default."
)
@store_option
@reports_option
def export(  # noqa: PLR0917 - click passes names
    run: str, kind: str, better: Better | None, output: Path | None, store: str | None, reports: Path | None
) -> None:
    """Write RUN in the format of another program.

    bmf is Bencher's; github-action-benchmark is for its custom tools; openmetrics is for Prometheus and the like;
    parquet and csv hold every sample; json is results.json, which `visorbench import` reads.
    """
    if better and kind != "github-action-benchmark":
        raise UsageError("--better is for --format github-action-benchmark", fix="leave it out")
    if output:
        check_output(output, "the export")
    found, _ = find_run(run, store=store, reports=reports)
    if kind == "parquet" and output is None:
        raise UsageError("Parquet is not text", fix="name a file with --output")
    content = None if kind == "parquet" else _text(found, kind, better)
    if output is None:
        sys.stdout.write(content or "")
    else:
        _replace(output, found, content)
        click.echo(output)


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@store_option
def import_(files: tuple[Path, ...], store: str | None) -> None:
    """Put runs of other machines into the store: FILES are results.json, or the folders that hold them.

    Every file is read and checked before the first run is saved: one that is damaged, edited or of another schema
    refuses them all. A run that the store has already is said, and stays as it is.
    """
    from harness.results.store import Store  # noqa: PLC0415 - sqlalchemy

    runs = {file: _read(file / "results.json" if file.is_dir() else file) for file in files}
    with Store(store_url(store)) as results:
        fresh: dict[str, Run] = {}
        for file, run in runs.items():
            known = fresh.get(run.id) or _stored(results, run.id)
            if known is None:
                fresh[run.id] = run
            elif known == run:
                where = f"another of these files, as in {file}" if run.id in fresh else "the store already"
                click.echo(f"{run.id} is in {where}")
            else:
                raise UsageError(
                    f"{file} holds another run than the store's of the same id, {run.id}",
                    fix="nothing was imported; find out which of them was changed",
                )
        for run in fresh.values():
            results.save(run)
            click.echo(f"{run.id} imported: {len(run.series)} series, {counted(run.sample_count, 'sample')}")


def _read(path: Path) -> Run:
    """Raises ResultsUnusable."""
    from harness.results.document import read_document  # noqa: PLC0415 - pydantic and numpy

    try:
        run = read_document(path)
        if not run.series:
            raise ResultsUnusable(f"{path} holds no samples", path=path)
    except ResultsUnusable as error:
        error.fix = "nothing was imported; take the file as the run wrote it"
        raise
    return run


def _stored(store: Store, run_id: str) -> Run | None:
    try:
        found = store.load(run_id)
    except UnknownName:
        return None
    except UsageError:  # the start of several ids
        return None
    return found if found.id == run_id else None


def _text(run: Run, kind: str, better: Better | None) -> str:
    stream = io.StringIO()
    if better:
        write_github_action_benchmark(run, stream, better=better)
    else:
        TEXT_FORMATS[kind](run, stream)
    return stream.getvalue()


def _replace(output: Path, run: Run, content: str | None) -> None:
    """The whole file or none of it. Raises DiskFull, OutputUnwritable."""
    from harness.host.write_errors import naming_write_errors  # noqa: PLC0415
    from harness.results.parquet import write_parquet  # noqa: PLC0415

    with naming_write_errors(
        "the export", output, elsewhere="name another with --output", refused=OutputUnwritable
    ):
        handle, name = tempfile.mkstemp(prefix=f".{output.name}-", dir=output.parent)
        os.close(handle)
        fresh = Path(name)
        try:
            if content is None:
                write_parquet(run, fresh)
            else:
                fresh.write_text(content, encoding="utf-8", newline="\n")
            fresh.chmod(0o644)
            fresh.replace(output)
        finally:
            fresh.unlink(missing_ok=True)
