"""krunkit's command line as krunkit 1.3.1 parses it: the documented options in their order, and nothing else.

Sources: containers/krunkit, docs/usage.md, src/cmdline.rs and src/virtio.rs. Sub-arguments are told by their place; a
value ends at the next ``=``, which nothing escapes.
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
KEYS = {
    "virtio-blk": ("path", "format"),
    "virtio-net": ("type", "path", "mac"),
    "virtio-serial": ("logFilePath",),
    "virtio-rng": (),
    "virtio-fs": ("sharedDir", "mountTag"),
    "virtio-vsock": ("port", "socketURL"),
}
OPTIONAL = {"format"}
FLAGS = {"virtio-vsock": ("listen", "connect")}


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
    if given.bootloader is not None and not given.bootloader.startswith("efi"):
        raise Refused(f"error: invalid bootloader firmware option: {given.bootloader}")
    return Options(
        given.cpus, given.memory, [_device(text) for text in given.device], _rest(given.restful_uri)
    )


def _device(text: str) -> tuple[str, dict[str, str]]:
    kind, *words = text.split(",")
    if kind not in KEYS:
        raise Refused(f"error: invalid virtio device label specified: {kind}")
    flags = [words.pop()] if words and words[-1] in FLAGS.get(kind, ()) else []
    wanted = [key for key in KEYS[kind] if key not in OPTIONAL or len(words) == len(KEYS[kind])]
    if len(words) != len(wanted):
        raise Refused(
            f"error: expected --{kind} argument to have {len(wanted)} sub-arguments, found {len(words)}"
        )
    found = dict.fromkeys(flags, "")
    for key, word in zip(wanted, words, strict=True):
        label, *value = word.split("=")
        if len(value) != 1 or label != key or not value[0]:
            raise Refused(f"error: invalid argument format: {word}")
        found[key] = value[0]
    _check(kind, found)
    return kind, found


def _check(kind: str, found: dict[str, str]) -> None:
    if kind == "virtio-blk" and (
        not Path(found["path"]).is_file() or found.get("format", "raw") not in ("raw", "qcow2")
    ):
        raise Refused("Error: unable to set virtio-blk disk")
    if kind == "virtio-net":
        if found["type"] not in ("unixgram", "unixstream"):
            raise Refused(f"error: invalid virtio-net type {found['type']}")
        if not MAC.fullmatch(found["mac"]):
            raise Refused("error: unable to parse mac address from argument")
        if len(found["path"].encode()) > SOCKET_PATH_MAX:
            raise Refused("Error: unable to set the network's socket")
    if kind == "virtio-fs" and not Path(found["sharedDir"]).is_dir():
        raise Refused("Error: unable to add virtiofs shared directory")


def _rest(uri: str) -> Path | None:
    scheme, separator, value = uri.partition("://")
    if not separator or scheme not in ("none", "tcp", "unix"):
        raise Refused("error: invalid scheme input")
    if scheme == "unix" and not 0 < len(value.encode()) <= SOCKET_PATH_MAX:
        raise Refused("Error: Unable to bind to unix socket")
    return Path(value) if scheme == "unix" else None
