"""Where the guest of a double is reached: what stands in for a network says so in a file beside its socket."""

from __future__ import annotations

import fcntl
import os
import random
from pathlib import Path

BY_LEASE = "by a lease"


def tell(socket: str, how: str) -> None:
    """``how``: a port of 127.0.0.1, or BY_LEASE."""
    Path(f"{socket}.ssh").write_text(how)


def reached(socket: str, mac: str) -> tuple[str, int] | None:
    """Where the guest's port 22 shall be on the host, for a VMM whose guest is on the network behind ``socket``."""
    how = Path(f"{socket}.ssh").read_text()
    return leased(mac) if how == BY_LEASE else ("127.0.0.1", int(how))


def leased(mac: str) -> tuple[str, int] | None:
    """An address for the guest, written where macOS's DHCP server writes it: on the host, one of the loopback's."""
    file = os.environ.get("VISORBENCH_DHCPD_LEASES")
    if not file:
        return None
    address = f"127.{random.randint(64, 254)}.{random.randint(0, 254)}.{random.randint(2, 254)}"
    octets = ":".join(f"{int(octet, 16):x}" for octet in mac.split(":"))
    fields = (
        "name=tiny",
        f"ip_address={address}",
        f"hw_address=1,{octets}",
        f"identifier=1,{octets}",
        "lease=0x7",
    )
    block = "{\n" + "".join(f"\t{field}\n" for field in fields) + "}\n"
    with Path(file).open("a") as leases:
        fcntl.flock(leases, fcntl.LOCK_EX)
        leases.write(block)
    return address, 22
