"""A gate's findings as workflow commands, which GitHub Actions shows on the pull request.

The format is that of "Workflow commands for GitHub Actions": ``::error title=TITLE::MESSAGE`` on a line of its own,
with ``%``, carriage return and line feed escaped, and in a property ``:`` and ``,`` as well. GitHub shows ten of a
kind for each step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.gate import words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.gate.model import Decision

SHOWN = 10


def commands(decision: Decision) -> Iterator[str]:
    """A line for each regression, failure and warning, the worst first; ten of each level."""
    errors = [("fails now", words.failure(each)) for each in decision.failed]
    errors += [
        (f"{words.change(each)} {words.named(each)}", words.sentence(each)) for each in decision.regressed
    ]
    level = "error" if decision.missing_fails else "warning"
    missing = [("not measured any more", name) for name in decision.missing]
    for title, message in errors[:SHOWN]:
        yield _command("error", title, message)
    for title, message in missing[:SHOWN]:
        yield _command(level, title, message)
    for message in decision.warnings[:SHOWN]:
        yield _command("warning", "VisorBench gate", message)
    for one in decision.improved[:SHOWN]:
        yield _command("notice", f"{words.change(one)} {words.named(one)}", words.sentence(one))


def _command(level: str, title: str, message: str) -> str:
    name = _escaped(title).replace(":", "%3A").replace(",", "%2C")
    return f"::{level} title={name}::{_escaped(message)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
