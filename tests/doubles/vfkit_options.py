"""vfkit's command line as vfkit 0.6.1 parses it: exactly the documented options, and its own words for everything else.

Sources: crc-org/vfkit, doc/usage.md, pkg/cmdline and pkg/config.
"""

from __future__ import annotations

import argparse
import re
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

MAC = re.compile(r"([0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}")
SOCKET_PATH_MAX = 103
KEYS = {
    "virtio-blk": {"path", "deviceId", "readonly"},
    "nvme": {"path", "readonly"},
    "usb-mass-storage": {"path", "readonly"},
    "nbd": {"uri", "deviceId", "sync", "timeout", "readonly"},
    "virtio-net": {"nat", "fd", "unixSocketPath", "mac"},
    "virtio-serial": {"logFilePath", "stdio", "pty"},
    "virtio-rng": set(),
    "virtio-balloon": set(),
    "virtio-fs": {"sharedDir", "mountTag"},
    "virtio-vsock": {"port", "socketURL", "listen", "connect"},
    "virtio-gpu": {"width", "height"},
    "virtio-input": {"keyboard", "pointing"},
    "rosetta": {"mountTag", "install", "ignore-if-missing"},
}
FLAGS = {
    "nat",
    "stdio",
    "pty",
    "readonly",
    "listen",
    "connect",
    "keyboard",
    "pointing",
    "install",
    "ignore-if-missing",
}


class Refused(Exception):
    """What vfkit says before it exits with status 1."""


@dataclass
class Options:
    """A command line that vfkit takes."""

    cpus: int
    memory_mib: int
    boot: dict[str, str]
    """``kind``: linux or efi."""
    devices: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    rest: Path | None = None


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Refused(f"Error: {message}")


def parse(argv: list[str]) -> Options:
    """Raises Refused."""
    parser = _Parser(prog="vfkit", allow_abbrev=False, add_help=False)
    parser.add_argument("--cpus", "-c", type=int, default=1)
    parser.add_argument("--memory", "-m", type=int, default=512)
    parser.add_argument("--bootloader", "-b", action="append", default=[])
    parser.add_argument("--device", "-d", action="append", default=[])
    parser.add_argument("--restful-uri", default="none://")
    parser.add_argument("--log-level", choices=["debug", "info", "error"])
    parser.add_argument("--gui", action="store_true")
    parser.add_argument("--timesync", "-t")
    parser.add_argument("--cloud-init")
    parser.add_argument("--ignition")
    parser.add_argument("--nested", action="store_true")
    parser.add_argument("--pidfile")
    given = parser.parse_args(argv)
    if given.cpus < 1 or given.memory < 1:
        raise Refused("Error: invalid CPU or memory configuration")
    if not given.bootloader:
        raise Refused("Error: empty option list in --bootloader command line argument")
    boot = _boot([word for text in given.bootloader for word in quoted_words(text)])
    devices = [_device(text) for text in given.device]
    return Options(given.cpus, given.memory, boot, devices, _rest(given.restful_uri))


def quoted_words(text: str) -> list[str]:
    """Split at commas outside of double quotes; the quotes around a whole word are dropped."""
    words, word, quoted = [], "", False
    for character in text:
        if character == '"':
            quoted = not quoted
        if character == "," and not quoted:
            words.append(word)
            word = ""
        else:
            word += character
    if quoted:
        raise Refused('Error: invalid argument for "-b, --bootloader" flag: mismatched "')
    return [_unquoted(each) for each in (*words, word)]


def _unquoted(word: str) -> str:
    return word.strip('"') if word.startswith('"') and word.endswith('"') else word


def _boot(words: list[str]) -> dict[str, str]:
    kind, *rest = words
    known = {"linux": {"kernel", "initrd", "cmdline"}, "efi": {"variable-store", "create"}}
    if kind not in known:
        raise Refused(f"Error: unknown bootloader type: {kind}")
    boot = {"kind": kind}
    for word in filter(None, rest):
        key, _, value = word.partition("=")
        if key not in known[kind]:
            raise Refused(f"Error: Unknown option for {'EFI' if kind == 'efi' else kind} bootloaders: {key}")
        if key == "create" and value:
            raise Refused(f"Error: Unexpected value for EFI bootloader 'create' option: {value}")
        boot[key] = _unquoted(value) if key == "cmdline" else value
    if kind == "linux":
        _check_kernel(boot.get("kernel", ""))
    return boot


def _check_kernel(kernel: str) -> None:
    try:
        with Path(kernel).open("rb") as file:
            head = file.read(2048)
    except OSError as error:
        raise Refused(f"Error: open {kernel}: {error.strerror}") from None
    if not (head.startswith(b"MZ") or head[0x38:0x3C] == b"ARM\x64"):
        raise Refused(f"Error: kernel must be uncompressed, {kernel} is a compressed file")


def _device(text: str) -> tuple[str, dict[str, str]]:
    kind, *words = text.split(",")
    if kind not in KEYS:
        raise Refused(f"Error: unknown device type: {kind}")
    options: dict[str, str] = {}
    for word in filter(None, words):
        key, _, value = word.partition("=")
        if key not in KEYS[kind]:
            raise Refused(f"Error: Unknown option for {kind} devices: {key}")
        if key in FLAGS and value:
            raise Refused(f"Error: Unexpected value for {kind} '{key}' option: {value}")
        options[key] = value
    _check_device(kind, options)
    return kind, options


def _check_device(kind: str, options: dict[str, str]) -> None:
    ways = {"virtio-net": ("nat", "fd", "unixSocketPath"), "virtio-serial": ("logFilePath", "stdio", "pty")}
    if kind in ways and len([way for way in ways[kind] if way in options]) != 1:
        raise Refused(f"Error: one of {', '.join(ways[kind])} must be set for {kind}")
    if "mac" in options and not MAC.fullmatch(options["mac"]):
        raise Refused(f"Error: address {options['mac']}: invalid MAC address")
    if kind in ("virtio-blk", "nvme", "usb-mass-storage"):
        _check_image(kind, options.get("path", ""))
    if kind == "virtio-fs" and not Path(options.get("sharedDir", "")).is_dir():
        raise Refused("Error: Error Domain=VZErrorDomain Code=2: the shared directory does not exist")
    if kind == "virtio-gpu":
        for key, value in options.items():
            if not value.isdecimal() or int(value) < 1:
                raise Refused(f"Error: Invalid value for virtio-gpu {key}: {value}")
    if kind == "virtio-vsock" and not (options.get("port", "").isdecimal() and options.get("socketURL")):
        raise Refused("Error: virtio-vsock needs both a port and a socket URL")
    if kind == "rosetta" and not options.get("mountTag"):
        raise Refused("Error: missing mandatory 'mountTag' option for rosetta share")
    for key in ("unixSocketPath", "socketURL"):
        if len(options.get(key, "").encode()) > SOCKET_PATH_MAX:
            raise Refused(f"Error: unixgram path '{options[key]}' is too long")


def _check_image(kind: str, path: str) -> None:
    if not path:
        raise Refused(f"Error: missing mandatory 'path' option for {kind} device")
    try:
        with Path(path).open("rb") as file:
            qcow2 = file.read(4) == b"QFI\xfb"
    except OSError:
        qcow2 = True
    if qcow2:
        raise Refused(
            'Error: Error Domain=VZErrorDomain Code=2 Description="A storage device attachment is invalid."'
        )


def _rest(uri: str) -> Path | None:
    parsed = urllib.parse.urlparse(uri)
    if parsed.scheme == "none":
        return None
    if parsed.scheme != "unix":
        raise Refused(f"Error: invalid scheme {parsed.scheme}")
    if not parsed.path:
        raise Refused("Error: invalid unix uri: missing path")
    if parsed.netloc:
        raise Refused("Error: invalid unix uri: host is forbidden")
    path = urllib.parse.unquote(parsed.path)
    if len(path.encode()) > SOCKET_PATH_MAX:
        raise Refused(f"Error: listen unix {path}: bind: invalid argument")
    return Path(path)
