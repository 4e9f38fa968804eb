"""The files of a run that other programs read: ``results.json``, ``samples.csv`` and ``junit.xml``."""

from __future__ import annotations

import re
from typing import IO, TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.results.models import Run, Series

CSV_COLUMNS = ("scenario", "metric", "unit", "better", "subject", "index", "time_s", "value")

CSV_ROWS = 50_000

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold (section 2.2), escaped or not."""


def write_json(run: Run, stream: IO[str]) -> None:
    """``results.json``."""
    stream.write(run.to_json())
    stream.write("\n")


def write_csv(run: Run, stream: IO[str]) -> None:
    """``samples.csv``: every raw sample, one row each, in the order in which they were recorded.

    Loads pandas. A frame for every CSV_ROWS rows or so: one of the whole run would be large, and one for each series
    costs more to make than to write.
    """
    import numpy as np  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415 - half a second, and the report's own process pays for it

    pd.DataFrame(columns=CSV_COLUMNS).to_csv(stream, index=False, lineterminator="\n")
    for many in _batches(run.series):
        counts = [series.summary.n for series in many]
        names = {
            name: pd.Categorical([str(getattr(series, name)) for series in many]).repeat(counts)
            for name in CSV_COLUMNS[:5]
        }
        counted = {
            "index": np.concatenate([np.arange(count) for count in counts]),
            "time_s": np.concatenate([series.times or np.full(series.summary.n, np.nan) for series in many]),
            "value": np.concatenate([series.samples for series in many]),
        }
        pd.DataFrame(names | counted).to_csv(stream, index=False, header=False, lineterminator="\n")


def _batches(every: Iterable[Series]) -> Iterator[list[Series]]:
    """The series in turn, so many at once that they have CSV_ROWS samples or a few more."""
    many: list[Series] = []
    rows = 0
    for series in every:
        many.append(series)
        rows += series.summary.n
        if rows >= CSV_ROWS:
            yield many
            many, rows = [], 0
    if many:
        yield many


def write_junit(run: Run, stream: IO[str]) -> None:
    """``junit.xml``: one test case for each scenario and subject, for CI servers.

    The format is the one that Jenkins and GitLab read: testsuites/testsuite/testcase with failure or skipped.
    """
    duration = f"{run.run.duration_s or 0:.3f}"
    counts = {
        "tests": str(len(run.passed()) + len(run.failed) + len(run.skipped)),
        "failures": str(len(run.failed)),
        "skipped": str(len(run.skipped)),
        "time": duration,
    }
    root = ET.Element("testsuites", {"name": "visorbench", **counts})
    suite = ET.SubElement(
        root, "testsuite",
        {"name": _xml(run.run.profile), "id": _xml(run.id), **counts, "errors": "0",
         "timestamp": f"{run.started:%Y-%m-%dT%H:%M:%S}"},
    )  # fmt: skip
    for scenario, subject in run.passed():
        _case(suite, scenario, subject)
    for failure in run.failed:
        case = _case(suite, failure.scenario, failure.subject)
        headline = failure.message.split("\n", 1)[0][:300]
        told = ET.SubElement(case, "failure", {"type": _xml(failure.error), "message": _xml(headline)})
        told.text = _xml("\n".join([failure.message, *failure.logs]))
    for skip in run.skipped:
        case = _case(suite, skip.scenario, skip.subject)
        fix = f" Fix: {skip.fix}" if skip.fix else ""
        ET.SubElement(case, "skipped", {"message": _xml(f"{skip.code}: {skip.reason}{fix}")})
    ET.indent(root)
    stream.write('<?xml version="1.0" encoding="utf-8"?>\n')
    stream.write(ET.tostring(root, encoding="unicode"))
    stream.write("\n")


def _case(suite: ET.Element, scenario: str, subject: str | None) -> ET.Element:
    return ET.SubElement(
        suite, "testcase", {"classname": f"visorbench.{_xml(scenario)}", "name": _xml(subject or "host")}
    )


def _xml(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
