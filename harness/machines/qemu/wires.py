"""The channels of a QEMU as socket pairs: made before it, inherited by it, gone with it."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Self

from harness.machines.qemu.devices import Inherited


@dataclass(frozen=True, slots=True)
class Wire:
    """One channel: our end, and the end that QEMU inherits."""

    ours: socket.socket
    theirs: socket.socket

    @classmethod
    def lay(cls) -> Self:
        """A fresh pair of connected sockets."""
        return cls(*socket.socketpair())

    @property
    def chardev(self) -> Inherited:
        """QEMU's end, for its command line."""
        return Inherited(self.theirs.fileno())

    def close(self) -> None:
        """Both ends."""
        self.ours.close()
        self.theirs.close()


@dataclass(frozen=True, slots=True)
class Wires:
    """Every channel of one machine; ``ready`` is there when its guest has a port to say so."""

    monitor: Wire
    console: Wire
    ready: Wire | None

    @classmethod
    def lay(cls, *, ready: bool) -> Self:
        """The channels, unconnected to any process."""
        return cls(Wire.lay(), Wire.lay(), Wire.lay() if ready else None)

    def all(self) -> list[Wire]:
        return [wire for wire in (self.monitor, self.console, self.ready) if wire is not None]

    def fds(self) -> list[int]:
        """What QEMU inherits."""
        return [wire.theirs.fileno() for wire in self.all()]

    def hand_over(self) -> None:
        """Close QEMU's ends here, so that its end of life is an end of file for us."""
        for wire in self.all():
            wire.theirs.close()

    def close(self) -> None:
        """Every end."""
        for wire in self.all():
            wire.close()
