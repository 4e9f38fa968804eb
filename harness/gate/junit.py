"""A gate's verdicts as JUnit XML: one test case for each metric, for CI servers that show tests."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from harness.gate import words

if TYPE_CHECKING:
    from harness.gate.model import Decision, Judged

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold (section 2.2), escaped or not."""


def render(decision: Decision) -> str:
    """The document; its ``failures`` are what the gate fails for."""
    missing = decision.missing if decision.missing_fails else ()
    skipped = [each for each in decision.judged if each.verdict in ("too few", "ignored")]
    failures = len(decision.regressed) + len(decision.failed) + len(missing)
    counts = {
        "tests": str(len(decision.judged) + len(decision.failed) + len(missing)),
        "failures": str(failures),
        "errors": "0",
        "skipped": str(len(skipped)),
    }
    root = ET.Element("testsuites", {"name": "visorbench gate", **counts})
    suite = ET.SubElement(root, "testsuite", {"name": _xml(decision.run), **counts})
    for one in decision.judged:
        _metric(suite, one)
    for failed in decision.failed:
        case = _case(suite, failed.scenario, failed.subject or "host")
        ET.SubElement(case, "failure", {"type": _xml(failed.error), "message": _xml(words.failure(failed))})
    for name in missing:
        case = _case(suite, "missing", name)
        ET.SubElement(case, "failure", {"type": "Missing", "message": "not measured any more"})
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _metric(suite: ET.Element, one: Judged) -> None:
    case = _case(suite, one.scenario, f"{one.metric} on {one.subject}")
    if one.verdict == "regressed":
        ET.SubElement(case, "failure", {"type": "Regression", "message": _xml(words.sentence(one))})
    elif one.verdict in ("too few", "ignored"):
        ET.SubElement(case, "skipped", {"message": one.verdict})
    elif one.verdict == "improved":
        ET.SubElement(case, "system-out").text = _xml(words.sentence(one))


def _case(suite: ET.Element, scenario: str, name: str) -> ET.Element:
    return ET.SubElement(
        suite, "testcase", {"classname": f"visorbench.gate.{_xml(scenario)}", "name": _xml(name)}
    )


def _xml(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
