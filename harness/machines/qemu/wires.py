"""The channels of a QEMU before it has them: what its command line says, and how our ends come to be read."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping, Sequence

    from harness.host.processes import OwnedProcess
    from harness.machines.qemu.devices import Chardev

T = TypeVar("T")


class Channel(StrEnum):
    """What a wire is for; ``ready`` is there when the guest has a port to say so."""

    MONITOR = "QMP"
    CONSOLE = "console"
    READY = "ready port"


class Wires(Protocol):
    """Every channel of one machine."""

    @classmethod
    def lay(cls, channels: Sequence[Channel]) -> Self:
        """The wires, before there is a process."""
        ...

    def chardev(self, channel: Channel) -> Chardev:
        """QEMU's end, for its command line."""
        ...

    def start(
        self,
        spawn: Callable[[Sequence[int]], OwnedProcess],
        read: Callable[[Mapping[Channel, socket.socket]], T],
    ) -> tuple[OwnedProcess, T]:
        """Have QEMU spawned (with the descriptors that it inherits) and our ends read, in the right order.

        When this raises, no process is left. A QEMU that ended before it had its channels is no error here: its
        channels are then at their end, as those of one that ended a moment later.
        """
        ...

    def close(self) -> None:
        """Every end that nobody owns yet."""
        ...
