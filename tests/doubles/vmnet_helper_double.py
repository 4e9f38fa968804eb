"""What ``tests/doubles/vmnet-helper`` does: take its options, make its socket, describe its interface.

Sources: nirs/vmnet-helper, docs/integration.md and options.c. The network itself is QEMU's.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sys
import uuid

from tests.doubles.networks import BY_LEASE, tell

VERSION = "v0.9.0+double"
REFUSES = "refuses"
"""In ``$VMNET_HELPER_DOUBLE``: it is not allowed to start an interface, as on macOS 15 without root."""


def main(argv: list[str]) -> int:
    """As vmnet-helper's."""
    if argv == ["--version"]:
        print(f"version: {VERSION}\ncommit: b76a29eb542d3ce4df18c4ebef6b1498174a02e5")
        return 0
    parser = argparse.ArgumentParser(prog="vmnet-helper", add_help=False, allow_abbrev=False)
    parser.add_argument("--socket", "-s", required=True)
    parser.add_argument("--interface-id", "-i", type=uuid.UUID, default=uuid.uuid4())
    parser.add_argument("--operation-mode", choices=["shared", "bridged", "host"], default="shared")
    given = parser.parse_args(argv)
    if os.environ.get("VMNET_HELPER_DOUBLE") == REFUSES:
        print("ERROR [main] vmnet_start_interface: VMNET_FAILURE", file=sys.stderr)
        return 1
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        tell(given.socket, BY_LEASE)
        listener.bind(given.socket)
        interface = {
            "vmnet_subnet_mask": "255.255.255.0", "vmnet_mtu": 1500, "vmnet_end_address": "192.168.105.254",
            "vmnet_start_address": "192.168.105.1", "vmnet_interface_id": str(given.interface_id).upper(),
            "vmnet_max_packet_size": 1514, "vmnet_mac_address": "0a:d6:36:c1:ea:f3",
        }  # fmt: skip
        print(json.dumps(interface, separators=(",", ":")), flush=True)
        print(f'INFO  [main] waiting for client on "{given.socket}"', file=sys.stderr, flush=True)
        signal.pause()
    return 0
