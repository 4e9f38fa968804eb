"""From how a scenario ended to what is recorded of it: a named skip, a failure with its cause, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from harness.errors import NothingMeasured, VisorbenchError, nearest
from harness.plugin.keys import SESSION, log_folder, scenario_name, subject_of
from harness.plugin.skips import NamedSkip

if TYPE_CHECKING:
    from harness.plugin.record import Record


def records_of(item: pytest.Item, call: pytest.CallInfo[None]) -> list[Record]:
    """The records of one phase (setup, call or teardown) of a scenario."""
    if call.excinfo is None:
        return []
    about = {"scenario": scenario_name(item), "subject": subject_told(item)}
    error = call.excinfo.value
    if isinstance(error, NamedSkip):
        return [{"say": "skip", **about, "code": error.code, "reason": error.reason, "fix": error.fix}]
    if isinstance(error, pytest.skip.Exception):
        return [{"say": "skip", **about, "code": "skipped", "reason": str(error.msg), "fix": ""}]
    message = str(error) or call.excinfo.exconly()
    if isinstance(error, pytest.FixtureLookupError) and error.argname:
        message = _unknown_fixture(error.argname, error.formatrepr().errorstring)
    # An assertion's text says little without its place, and every test of a scenario can measure nothing.
    if not isinstance(error, VisorbenchError) or type(error) is NothingMeasured:
        message = f"{item.name.partition('[')[0]}: {message}"
    return [{"say": "fail", **about, "error": type(error).__name__, "message": message, "logs": _logs(item)}]


def _unknown_fixture(name: str, told: str) -> str:
    """What pytest says in two lines, the second with every fixture that there is, and the nearest of them."""
    known = told.partition("available fixtures: ")[2].partition("\n")[0].split(", ")
    guess = nearest(name, known)
    return f"there is no fixture {name!r}" + (f"; did you mean {guess!r}?" if guess else "")


def subject_told(item: pytest.Item) -> dict[str, Any] | str:
    """Its name; of one of two sides its facts, so that the run says which side it was."""
    session, subject = item.config.stash[SESSION], subject_of(item)
    if not subject.side:
        return subject.id
    try:
        return session.facts(session.with_gpu(subject) if item.get_closest_marker("graphics") else subject)
    except VisorbenchError:  # which may be why the scenario ended
        return subject.id


def _logs(item: pytest.Item) -> list[str]:
    """What the scenario's machines left behind, as paths within the run's folder."""
    run = item.config.stash[SESSION].logs.parent
    return sorted(str(path.relative_to(run)) for path in log_folder(item).rglob("*") if path.is_file())
