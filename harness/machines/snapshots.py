"""What a machine can do with its past: keep it, go back to it, forget it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Step:
    """How long a step took, by the clock of the VMM's events."""

    took_s: float
    """From the request until the VMM had done it."""
    stopped_s: float
    """Of that, how long the guest's processors stood still."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A moment of a machine that its images keep."""

    tag: str
    memory_bytes: int
    """What of the image is the machine's memory and devices; the disk's blocks are shared until one is written."""


class Snapshots(Protocol):
    """Snapshots of a machine that runs or is paused, and is that again afterwards.

    Internal ones keep memory and every disk inside the disks' images; an overlay takes what a disk's guest writes from
    now on, so that the image below it stays as it is. Every method raises InvalidConfiguration for disks that cannot,
    UnknownName for a tag that is not kept, and ControlError: JobFailed with the VMM's own reason, ControlLost when it
    has died.
    """

    def save(self, tag: str, *, timeout_s: float = 300) -> Step: ...
    def load(self, tag: str, *, timeout_s: float = 300) -> Step:
        """Memory and disks are again what they were; connections of later on are gone. A guest that could not be
        loaded stands still."""
        ...

    def delete(self, tag: str, *, timeout_s: float = 300) -> Step: ...
    def kept(self) -> tuple[Snapshot, ...]: ...
    def overlay(self, disk: str, to: Path, *, timeout_s: float = 60) -> Step:
        """Have what is written to the disk ``disk`` go to the new image ``to``."""
        ...

    def commit(self, disk: str, *, timeout_s: float = 300) -> Step:
        """Write what its overlay holds into the disk's own image, and go on with that."""
        ...
