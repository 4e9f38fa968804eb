"""krunkit's command line as krunkit 1.3.1 parses it: the documented options, and nothing else.

Sources: libkrun/krunkit, docs/usage.md, src/cmdline.rs and src/virtio.rs. Nothing escapes a comma or a ``=``.
"""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

MAC = re.compile(r"([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}")
SOCKET_PATH_MAX = 103
MOST_MEMORY_MIB = 61440
REQUIRED = {
    "virtio-blk": {"path"},
    "virtio-net": {"mac"},
    "virtio-serial": {"logFilePath"},
    "virtio-rng": set(),
    "virtio-fs": {"sharedDir", "mountTag"},
    "virtio-vsock": {"port", "socketURL"},
}
OPTIONAL = {
    "virtio-blk": {"format"},
    "virtio-net": {"unixSocketPath", "type", "path", "fd", "offloading", "vfkitMagic"},
    "virtio-fs": {"permissionSemantics"},
    "virtio-vsock": {"listen", "connect"},
}
FLAGS = {"listen", "connect"}
BOOLEAN = {"offloading", "vfkitMagic"}


class Refused(Exception):
    """What krunkit says before it exits with status 1."""


@dataclass
class Options:
    """A command line that krunkit takes."""

    cpus: int
    memory_mib: int
    devices: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    rest: Path | None = None


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Refused(f"error: {message}")


def parse(argv: list[str]) -> Options:
    """Raises Refused."""
    parser = _Parser(prog="krunkit", allow_abbrev=False, add_help=False)
    parser.add_argument("--cpus", type=int, required=True)
    parser.add_argument("--memory", type=int, required=True)
    parser.add_argument("--bootloader")
    parser.add_argument("--device", action="append", default=[])
    parser.add_argument("--restful-uri", default="none://")
    parser.add_argument("--krun-log-level", type=int)
    parser.add_argument("--nested", action="store_true")
    for option in ("--pidfile", "--log-file", "--firmware-path"):
        parser.add_argument(option)
    given = parser.parse_args(argv)
    if not 0 < given.cpus < 256:
        raise Refused("Error: zero vcpus inputted (invalid)")
    if not 0 < given.memory <= MOST_MEMORY_MIB:
        raise Refused("Error: unable to set krun vCPU/RAM configuration")
    if given.bootloader is not None:
        _pairs("bootloader", given.bootloader, {"efi", "variable-store", "create"}, set())
    return Options(
        given.cpus, given.memory, [_device(text) for text in given.device], _rest(given.restful_uri)
    )


def _device(text: str) -> tuple[str, dict[str, str]]:
    kind, _, rest = text.partition(",")
    if kind not in REQUIRED:
        raise Refused(f"error: invalid virtio device label specified: {kind}")
    found = _pairs(kind, rest, REQUIRED[kind], OPTIONAL.get(kind, set())) if rest or REQUIRED[kind] else {}
    _check(kind, found)
    return kind, found


def _pairs(label: str, text: str, required: set[str], optional: set[str]) -> dict[str, str]:
    """``key=value`` and bare keys, in any order."""
    found: dict[str, str] = {}
    for word in text.split(","):
        key, *value = word.split("=")
        if len(value) > 1:
            raise Refused(f"error: invalid argument format: {word}")
        if key in found:
            raise Refused(f"error: argument {word} is only expected once")
        found[key] = value[0] if value else ""
    for key in required - set(found):
        raise Refused(f"error: {label} is missing argument: {key}")
    if unknown := [f"{key}={value}" for key, value in found.items() if key not in required | optional]:
        raise Refused(f"error: unknown {label} arguments: {unknown}")
    for key in FLAGS & set(found):
        if found[key]:
            raise Refused(f"error: unexpected value for {label} argument: {key}={found[key]}")
    for key in BOOLEAN & set(found):
        if found[key] not in {"true", "false", "on", "off"}:
            raise Refused(f"error: invalid boolean value {found[key]}")
    return found


def _check(kind: str, found: dict[str, str]) -> None:
    if kind == "virtio-blk" and (
        not Path(found["path"]).is_file() or found.get("format", "raw") not in ("raw", "qcow2")
    ):
        raise Refused("Error: unable to set virtio-blk disk")
    if kind == "virtio-net":
        _check_network(found)
    if kind == "virtio-vsock":
        if not found["port"].isdecimal():
            raise Refused("error: port argument invalid")
        if set(found) >= FLAGS:
            raise Refused('error: virtio-vsock argument "listen" and "connect" are mutually exclusive')
        if len(found["socketURL"].encode()) > SOCKET_PATH_MAX:
            raise Refused(f"Error: unable to add vsock port {found['port']}")
    if kind == "virtio-fs" and not Path(found["sharedDir"]).is_dir():
        raise Refused("Error: unable to add virtiofs shared directory")


def _check_network(found: dict[str, str]) -> None:
    if ("unixSocketPath" in found) == ("type" in found):
        raise Refused('error: virtio-net device is missing "type" or "unixSocketPath", or has both')
    if "type" in found and found["type"] not in {"unixgram", "unixstream"}:
        raise Refused(f'error: virtio-net unsupported "type" input {found["type"]}')
    if "vfkitMagic" in found and found.get("type") != "unixgram":
        raise Refused('error: virtio-net only "type=unixgram" supports the vfkitMagic argument')
    if not MAC.fullmatch(found["mac"]):
        raise Refused('error: virtio-net unable to parse address from "mac" argument')
    if len(found.get("path", found.get("unixSocketPath", "")).encode()) > SOCKET_PATH_MAX:
        raise Refused("Error: virtio-net unable to add device with unix datagram backend")


def _rest(uri: str) -> Path | None:
    scheme, separator, value = uri.partition("://")
    if not separator or scheme not in ("none", "tcp", "unix"):
        raise Refused("error: invalid scheme input")
    if scheme == "unix" and not 0 < len(value.encode()) <= SOCKET_PATH_MAX:
        raise Refused("Error: Unable to bind to unix socket")
    return Path(value) if scheme == "unix" else None
