"""A display client's socket, handed to QEMU over QMP: nothing listens, so nobody else can look at the guest."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from harness.errors import ControlRefused, DisplayRefused

if TYPE_CHECKING:
    from harness.channels.qmp import Qmp

_NAME = "visorbench-display"


def hand_over(qmp: Qmp, protocol: str) -> socket.socket:
    """Our end of a new client connection; ``protocol`` is ``vnc`` or ``@dbus-display``.

    Raises DisplayRefused where QEMU runs without that display, ControlError.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            qmp.execute("getfd", {"fdname": _NAME}, fds=[theirs.fileno()])
            qmp.execute("add_client", {"protocol": protocol, "fdname": _NAME, "skipauth": True})
        except ControlRefused as error:
            ours.close()
            raise DisplayRefused(
                f"QEMU takes no {protocol.lstrip('@')} client: {error.desc}",
                fix="start the machine with the display dbus,p2p=yes; `visorbench runtime install gpu` brings a QEMU "
                "that has it",
            ) from None
        except BaseException:
            ours.close()
            raise
    return ours
