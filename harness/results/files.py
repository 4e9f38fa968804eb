"""The files of a run that other programs read: ``results.json``, ``samples.csv`` and ``junit.xml``."""

from __future__ import annotations

import csv
import io
import re
from itertools import count, repeat
from typing import IO, TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.results.models import Run

CSV_COLUMNS = ("scenario", "metric", "unit", "better", "subject", "index", "time_s", "value")

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold (section 2.2), escaped or not."""


def write_json(run: Run, stream: IO[str]) -> None:
    """``results.json``."""
    stream.write(run.to_json())
    stream.write("\n")


def write_csv(run: Run, stream: IO[str]) -> None:
    """``samples.csv``: every raw sample, one row each, in the order in which they were recorded.

    The names are the same in every row of a series, so they are quoted once; numbers need no quotes.
    """
    stream.write(_csv_row(CSV_COLUMNS) + "\n")
    for series in run.series:
        names = _csv_row(getattr(series, name) for name in CSV_COLUMNS[:5])
        times = map(repr, series.times) if series.times else repeat("")
        rows = zip(count(), times, series.samples)
        stream.writelines(f"{names},{index},{time_s},{value!r}\n" for index, time_s, value in rows)


def _csv_row(fields: Iterable[object]) -> str:
    """Without its line's end, which as "\\r\\n" has the writer quote a name that holds either."""
    row = io.StringIO()
    csv.writer(row, lineterminator="\r\n").writerow(fields)
    return row.getvalue().removesuffix("\r\n")


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
