"""Whether two runs may be compared at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import RunIncomplete, UnlikeRuns
from harness.report.compare import unlike_fingerprints

if TYPE_CHECKING:
    from harness.results.models import Run


def check_alike(before: Run, after: Run) -> None:
    """Raise UnlikeRuns where the hosts, or a subject of both, have other fingerprints."""
    unlike = unlike_fingerprints(before, after)
    if unlike:
        more = f" (and {len(unlike) - 1} more)" if len(unlike) > 1 else ""
        raise UnlikeRuns(
            f"{before.id} and {after.id} are not alike: {unlike[0]}{more}",
            fix="measure both on one host with one configuration, or, where the difference is what you are after, "
            "say --allow-unlike",
            unlike=unlike,
        )


def check_complete(before: Run, after: Run) -> None:
    """Raise RunIncomplete where either was interrupted."""
    for run in (before, after):
        if run.unfinished:
            raise RunIncomplete(
                f"{run.id} was interrupted after {run.sample_count:,} samples",
                fix="measure again, or gate what it measured with --allow-incomplete",
                run=run.id,
            )
