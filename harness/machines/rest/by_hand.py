"""What a person who starts vfkit or krunkit by its command line does otherwise than the harness."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from harness.machines.by_hand import without_keys

if TYPE_CHECKING:
    from harness.guests.model import GuestImage
    from harness.machines.rest.network import Plug
    from harness.machines.rest.vmm import Place


def differences(
    guest: GuestImage, place: Place, plug: Plug, *, console: str, writable: bool, vsock: bool
) -> dict[str, str]:
    """By name, for a machine whose sockets are in ``place``. Raises VmmNotFound, VmmTooOld for a network's process."""
    differs = {
        "console": console,
        "REST": f"listens at {place.rest}; the harness has a socket of its own there",
        **without_keys(guest),
    }
    if guest.root_image or (guest.disk and not writable):
        differs["disk"] = "keeps what the guest writes; the harness gives each machine a copy"
    if beside := plug.command():
        differs["network"] = f"needs this beside it, which the harness starts first: {shlex.join(beside)}"
    if vsock:
        differs["vsock"] = f"its sockets are in {place.private}; the harness has them in a folder of its own"
    return differs
