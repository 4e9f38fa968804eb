"""What ``tests/doubles/gvproxy`` does: take its options, make its socket, and say which port is the guest's SSH.

The network itself is QEMU's: the double of krunkit reads the port beside the socket, and forwards it.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys

from tests.doubles.networks import tell

VERSION = "v0.8.6+double"
REFUSES = "refuses"
"""In ``$GVPROXY_DOUBLE``: it complains and exits, as when another program has its port."""


def main(argv: list[str]) -> int:
    """As gvproxy's."""
    if argv in (["-version"], ["--version"]):
        print(f"gvproxy version {VERSION}")
        return 0
    parser = argparse.ArgumentParser(prog="gvproxy", add_help=False, allow_abbrev=False)
    parser.add_argument("-listen-vfkit", required=True)
    parser.add_argument("-ssh-port", type=int, default=2222)
    given = parser.parse_args(argv)
    if os.environ.get("GVPROXY_DOUBLE") == REFUSES:
        print(f"listen tcp 127.0.0.1:{given.ssh_port}: bind: address already in use", file=sys.stderr)
        return 1
    scheme, _, path = given.listen_vfkit.partition("://")
    if scheme != "unixgram" or not path:
        print("vfkit listen scheme must be unixgram", file=sys.stderr)
        return 1
    tell(path, str(given.ssh_port))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        signal.pause()
    return 0
