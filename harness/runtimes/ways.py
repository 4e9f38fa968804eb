"""Which way a runtime's programs can be run on this host, found by running one."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from harness.errors import HostLacks, ToolMissing
from harness.host.transcript import transcribe
from harness.runtimes.model import Way, read

if TYPE_CHECKING:
    from pathlib import Path

    from harness.runtimes.model import Runtime

PROBE = ("bwrap", "--version")
"""Run in the tree: the one small program that every runtime has."""
_DEADLINE_S = 5


def way_for(runtime: Runtime) -> Way:
    """The first way that works here: bubblewrap, where unprivileged user namespaces are allowed, else the loader.

    Asked once in a process. Raises HostLacks when neither does, with what each said.
    """
    return _first_that_works(runtime.root)


@lru_cache(maxsize=8)
def _first_that_works(root: Path) -> Way:
    runtime, complaints = read(root), {}
    for way in Way:
        complaint = refusal(runtime, way)
        if complaint is None:
            return way
        complaints[way] = complaint
    said = "; ".join(f"{way}: {text}" for way, text in complaints.items())
    raise HostLacks(
        f"the programs of the runtime in {runtime.root} do not run here ({said})",
        fix=f"run `visorbench runtime install --refresh {runtime.name}`, or use another QEMU with --qemu PATH",
        root=runtime.root,
    )


def refusal(runtime: Runtime, way: Way) -> str | None:
    """Why this way does not work here; None when it does."""
    try:
        said = transcribe(
            runtime.command(PROBE, way), purpose=f"proof of runtime {runtime.name}", deadline_s=_DEADLINE_S
        )
    except ToolMissing as error:
        return error.message
    if said.ending == "ended" and said.status == 0:
        return None
    return said.last_error or f"it ended with status {said.status}"
