"""QEMU's jobs: work that a command begins, told of by events, and kept until its error has been read.

QEMU's docs/interop/qapi: a job goes through states, of which ``ready`` waits to be told to complete and ``concluded``
has an error or none; it is there until it is dismissed.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from harness.channels.stamp import Stamp
from harness.errors import JobFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.channels.qmp import Qmp
    from harness.channels.qmp_events import Event

_QUESTION_TIMEOUT_S = 30
"""For a command that is answered at once by a QEMU that is not busy; its main loop saves and loads."""


def run_job(
    qmp: Qmp,
    command: str,
    arguments: Mapping[str, object],
    *,
    timeout_s: float,
    completes: bool = False,
) -> Event:
    """Have ``command`` begin a job and wait for its end; the event that tells it.

    ``completes``: it is one that waits, ready, until it is told to complete. Raises JobFailed with QEMU's reason, and
    ControlError.
    """
    job = f"{command}-{secrets.token_hex(4)}"  # one that was interrupted, or is another process's, keeps its name
    deadline, since = time.monotonic() + timeout_s, Stamp(time.monotonic_ns())

    def reached(*states: str) -> Event:
        return qmp.wait_event(
            "JOB_STATUS_CHANGE", max(0.0, deadline - time.monotonic()), since,
            matching=lambda event: event.data.get("id") == job and event.data.get("status") in states,
        )  # fmt: skip

    qmp.execute(command, {"job-id": job, **arguments}, timeout_s=_QUESTION_TIMEOUT_S)
    if completes and reached("ready", "concluded").data["status"] == "ready":
        qmp.execute("job-complete", {"id": job}, timeout_s=_QUESTION_TIMEOUT_S)
    ended = reached("concluded")
    told = qmp.execute("query-jobs", timeout_s=_QUESTION_TIMEOUT_S)
    qmp.execute("job-dismiss", {"id": job}, timeout_s=_QUESTION_TIMEOUT_S)
    error = next((each.get("error") for each in told if each["id"] == job), None)
    if error:
        raise JobFailed(f"QEMU could not do {command}: {error}", command=command, desc=error)
    return ended
