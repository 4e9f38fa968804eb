"""A small program that the host runs: the managed runtime's, of the guest's version, else the host's own."""

from __future__ import annotations

import shutil

from harness.errors import HostLacks, ToolMissing
from harness.runtimes import catalogue
from harness.runtimes.ways import way_for


def host_program(program: str, runtime: str) -> list[str]:
    """The argv that runs ``program``: out of ``runtime`` where that is installed and runs, or else of PATH.

    Raises ToolMissing where there is neither.
    """
    lack = "it can be installed on Linux only"
    if catalogue.possible_here():
        try:
            found = catalogue.installed(runtime)
            return found.command([program], way_for(found))
        except HostLacks as error:
            lack = error.message
    own = shutil.which(program)
    if own is None:
        raise ToolMissing(
            f"this host has no {program} to compare with, nor the runtime's: {lack}",
            fix=f"run `visorbench runtime install {runtime}` on Linux, `brew install {program}` on macOS",
        )
    return [own]
