"""Addresses that macOS's own DHCP server gave out: /var/db/dhcpd_leases, as bootpd writes it.

A block for each lease::

    {
        name=tiny
        ip_address=192.168.64.5
        hw_address=1,52:54:0:70:2b:71
        identifier=1,52:54:0:70:2b:71
        lease=0x674d1e2f
    }

``1`` is Ethernet, octets have no leading zeroes, and a guest that came back has several blocks: the one that ends last
counts. A guest whose DHCP client identifies itself by a DUID (systemd-networkd) has ``ff,…`` there instead of its MAC.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from contextlib import suppress
from pathlib import Path

from harness.errors import GuestSilent

LEASES = Path("/var/db/dhcpd_leases")
VARIABLE = "VISORBENCH_DHCPD_LEASES"
"""Names another file of leases."""
LOOK_S = 0.05
"""How often the file is looked at: bootpd replaces it, and tells nobody."""

_BLOCK = re.compile(r"\{([^{}]*)\}")
_FIELD = re.compile(r"^\s*(\w+)=(.*?)\s*$", re.MULTILINE)


def leases_file() -> Path:
    """Where leases are on this host."""
    return Path(os.environ.get(VARIABLE) or LEASES)


def random_mac() -> str:
    """A locally administered address of our own."""
    return ":".join(["52", "54", "00", *(f"{octet:02x}" for octet in secrets.token_bytes(3))])


def address_of(mac: str, text: str) -> str | None:
    """The address that ``mac`` was given last, None when it has none."""
    found: list[tuple[int, str]] = []
    for block in _BLOCK.findall(text):
        fields = dict(_FIELD.findall(block))
        kind, _, octets = fields.get("hw_address", "").partition(",")
        if kind == "1" and _octets(octets) == _octets(mac) and "ip_address" in fields:
            with suppress(ValueError):
                found.append((int(fields.get("lease", "0"), 0), fields["ip_address"]))
    return max(found)[1] if found else None


def await_address(mac: str, file: Path, timeout_s: float) -> str:
    """The address of ``mac`` once it has one; raises GuestSilent."""
    deadline = time.monotonic() + timeout_s
    while True:
        text = ""
        with suppress(OSError):
            text = file.read_text(errors="replace")
        if found := address_of(mac, text):
            return found
        if time.monotonic() >= deadline:
            raise GuestSilent(
                f"{file} has no lease for {mac} after {timeout_s:g} s",
                fix="have the guest ask DHCP, and identify itself by its MAC (systemd-networkd: ClientIdentifier=mac)",
            )
        time.sleep(LOOK_S)


def _octets(mac: str) -> list[int] | None:
    try:
        return [int(octet, 16) for octet in mac.split(":")]
    except ValueError:
        return None
