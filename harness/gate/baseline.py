"""The file of a run that somebody kept to compare with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import BaselineUnusable, ResultsUnusable
from harness.results.document import read_document

if TYPE_CHECKING:
    from pathlib import Path

    from harness.results.models import Run


def read_baseline(path: Path) -> Run:
    """The run in a ``results.json``, which has measured something; raises BaselineUnusable."""
    try:
        run = read_document(path)
    except ResultsUnusable as error:
        fix = error.fix if path.is_file() else f"keep one of a run: cp reports/latest/results.json {path}"
        raise BaselineUnusable(f"the baseline {error.message}", fix=fix, path=path) from error
    if not run.series:
        raise BaselineUnusable(
            f"the baseline {path} holds no samples", fix="take a run that measured something", path=path
        )
    return run
