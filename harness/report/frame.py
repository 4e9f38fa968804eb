"""A run as a pandas data frame, which the tables of a report are grouped from."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame

    from harness.results.models import Run


def series_frame(run: Run) -> DataFrame:
    """A row for each series, in the order in which they were first recorded.

    Columns: ``scenario``, ``metric``, ``subject``, ``is_native``, ``has_targets``, and ``series``, the
    :class:`~harness.results.models.Series` itself. Loads pandas.
    """
    from pandas import DataFrame  # noqa: PLC0415 - half a second, and 60 MB

    native = {subject.id for subject in run.subjects if subject.backend == "native"}
    return DataFrame(
        {
            "scenario": [series.scenario for series in run.series],
            "metric": [series.metric for series in run.series],
            "subject": [series.subject for series in run.series],
            "is_native": [series.subject in native for series in run.series],
            "has_targets": [bool(series.targets) for series in run.series],
            "series": list(run.series),
        }
    )
