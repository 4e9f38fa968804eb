"""Wires as socket pairs: made before QEMU, inherited by it, gone with it. Nobody else can take hold of them."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeVar

from harness.machines.qemu.devices import Inherited

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from harness.host.processes import OwnedProcess
    from harness.machines.qemu.wires import Channel

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class WirePairs:
    """Our ends and QEMU's, connected from the beginning."""

    ours: Mapping[Channel, socket.socket]
    theirs: Mapping[Channel, socket.socket]

    @classmethod
    def lay(cls, channels: Sequence[Channel]) -> Self:
        """As :meth:`Wires.lay <harness.machines.qemu.wires.Wires.lay>`."""
        pairs = {channel: socket.socketpair() for channel in channels}
        return cls(
            {channel: ours for channel, (ours, _) in pairs.items()},
            {channel: theirs for channel, (_, theirs) in pairs.items()},
        )

    def chardev(self, channel: Channel) -> Inherited:
        """The descriptor that QEMU inherits."""
        return Inherited(self.theirs[channel].fileno())

    def start(
        self,
        spawn: Callable[[Sequence[int]], OwnedProcess],
        read: Callable[[Mapping[Channel, socket.socket]], T],
    ) -> tuple[OwnedProcess, T]:
        """Every reader runs before QEMU does, so that what arrives is stamped by a thread that waits for it."""
        reading = read(self.ours)
        process = spawn([end.fileno() for end in self.theirs.values()])
        for end in self.theirs.values():  # so that QEMU's end of life is an end of file for us
            end.close()
        return process, reading

    def close(self) -> None:
        """Both ends of each."""
        for end in (*self.ours.values(), *self.theirs.values()):
            end.close()
