"""What scenarios say while they run, as plain values, so that a pytest-xdist worker can send them to its controller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from harness.results.recorder import RunRecorder

Record = dict[str, Any]
"""``{"say": method of RunRecorder, "subject": facts of RunRecorder.subject() or None, …its other arguments}``."""


class Sink(Protocol):
    """Where records go: the recorder of this process, or a list that travels with the test's report."""

    def __call__(self, record: Record) -> None:
        """Take one record."""


def apply(recorder: RunRecorder, record: Record) -> None:
    """Say ``record`` to the recorder, registering its subject first; raises what the recorder raises."""
    arguments = {key: value for key, value in record.items() if key not in ("say", "subject")}
    facts = record["subject"]
    subject = recorder.subject(**facts) if isinstance(facts, dict) else facts
    if record["say"] == "subject":
        return
    getattr(recorder, record["say"])(subject=subject, **arguments)
