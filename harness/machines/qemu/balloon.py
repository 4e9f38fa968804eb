"""virtio-balloon through QMP: ``balloon``, ``query-balloon``, and the statistics of the guest's driver."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from harness.errors import ControlTimeout
from harness.machines.balloon import RESOLUTION_S
from harness.machines.qemu.devices import Device

if TYPE_CHECKING:
    from harness.channels.qmp import Qmp

MODES = ("off", "on", "reporting")
"""``reporting``: the guest also reports free pages by itself, and its host takes them back."""
_ID = "balloon"
_PATH = f"/machine/peripheral/{_ID}"
_UNKNOWN = (1 << 64) - 1
"""What the device says of a number that its driver did not give."""


def device(mode: str) -> Device:
    """The balloon that a machine is given; ``mode`` is one of MODES but ``off``."""
    return Device("virtio-balloon-pci", {"id": _ID, "free-page-reporting": mode == "reporting"})


class QemuBalloon:
    """As :class:`harness.machines.balloon.Balloon`."""

    def __init__(self, qmp: Qmp, name: str) -> None:
        self._qmp = qmp
        self._name = name

    @property
    def guest_bytes(self) -> int:
        return int(self._qmp.execute("query-balloon")["actual"])

    def resize(self, guest_bytes: int, *, timeout_s: float = 120) -> float:
        """As of every balloon."""
        began = time.monotonic()
        self._qmp.execute("balloon", {"value": guest_bytes})
        while (has := self.guest_bytes) != guest_bytes:
            if time.monotonic() - began > timeout_s:
                raise ControlTimeout(
                    f"{self._name} was to have {guest_bytes >> 20} MiB, and after {timeout_s:g} s has {has >> 20} MiB",
                    fix="see that its driver is there (virtio_balloon), and leave it what it needs",
                )
            time.sleep(RESOLUTION_S)
        return time.monotonic() - began

    def statistics(self, *, timeout_s: float = 30) -> dict[str, int]:
        """As of every balloon; QEMU asks the driver once a second from now on."""
        interval = {"path": _PATH, "property": "guest-stats-polling-interval", "value": 1}
        self._qmp.execute("qom-set", interval)
        deadline = time.monotonic() + timeout_s
        while not (told := self._qmp.execute("qom-get", {"path": _PATH, "property": "guest-stats"}))[
            "last-update"
        ]:
            if time.monotonic() > deadline:
                raise ControlTimeout(
                    f"the balloon of {self._name} has told nothing within {timeout_s:g} s",
                    fix="see that its guest has the driver (virtio_balloon)",
                )
            time.sleep(RESOLUTION_S)
        return {
            name.removeprefix("stat-"): number for name, number in told["stats"].items() if number != _UNKNOWN
        }
