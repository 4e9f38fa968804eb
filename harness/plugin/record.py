"""What scenarios say while they run, as plain values, so that a pytest-xdist worker can send them to its controller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from harness.results.recorder import RunRecorder

Record = dict[str, Any]
"""``{"say": method of RunRecorder, "subject": facts of RunRecorder.subject() or its id or None, …other arguments}``.

In a subject's facts, ``baseline`` may be the facts of another subject. What is said of the whole run has no subject.
"""


class Sink(Protocol):
    """Where records go: the recorder of this process, or a list that travels with the test's report."""

    def __call__(self, record: Record) -> None:
        """Take one record."""


def apply(recorder: RunRecorder, record: Record) -> None:
    """Say ``record`` to the recorder, registering its subject first; raises what the recorder raises."""
    arguments = {key: value for key, value in record.items() if key != "say"}
    if "subject" in record:
        arguments["subject"] = _subject(recorder, record["subject"])
    if record["say"] == "subject":
        return
    getattr(recorder, record["say"])(**arguments)


def _subject(recorder: RunRecorder, facts: dict[str, Any] | str | None) -> str | None:
    """The id of a subject, registered with the one that it is compared with."""
    if not isinstance(facts, dict):
        return facts
    return recorder.subject(**{**facts, "baseline": _subject(recorder, facts.get("baseline"))})
