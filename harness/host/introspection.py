"""What a QEMU binary can do, in its own words: one paused process without a machine, one batch of QMP commands.

QEMU loads the modules that are installed before it answers ``qom-list-types``, so a feature in a package that is not
installed (Debian: qemu-system-modules-spice, qemu-system-modules-opengl) comes out as absent, although the schema of
``query-qmp-schema`` still has its commands. Protocol: https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html

QEMU is killed when the last answer has arrived and never told to quit: it would drop the answers that do not fit into
the pipe yet.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from harness.host.transcript import transcribe

if TYPE_CHECKING:
    from pathlib import Path

GPU_GL = "virtio-gpu-gl-device"

_BATCH: dict[str, tuple[str, dict[str, object]]] = {
    "ready": ("qmp_capabilities", {}),
    "target": ("query-target", {}),
    "machines": ("query-machines", {}),
    "types": ("qom-list-types", {}),
    "gpu": ("device-list-properties", {"typename": GPU_GL}),
    "cpus": ("query-cpu-definitions", {}),
    "devices": ("human-monitor-command", {"command-line": "info qdm"}),  # QMP has no word for aliases
    "end": ("query-status", {}),
}
"""Our id of a command → the command and its arguments, in the order sent."""
_DEVICE = re.compile(r'^name "([^"]+)"(?:, bus [^,]+)?(?:, alias "([^"]+)")?')
"""A line of ``info qdm``; one with ``no-user`` is part of some board, and not for ``-device``."""
_LAST_ANSWER = re.compile(rb'"id": *"end"[^\n]*\n')


@dataclass(frozen=True, slots=True)
class QemuFeatures:
    """What one binary offers, modules that are installed included."""

    target: str
    """QEMU's own word for the guest architecture: ``aarch64``, ``x86_64``."""
    accelerators: tuple[str, ...]
    """Built in; whether one works here is for :mod:`harness.host.accelerators` to prove."""
    machines: tuple[str, ...]
    """Machine types and their aliases."""
    virtio_gpu_gl: bool
    venus: bool
    """virtio-gpu-gl has the property ``venus``: Vulkan in the guest."""
    spice: bool
    dbus_display: bool
    vhost_user_vsock: bool
    displays: tuple[str, ...] = ()
    """What ``-display`` takes: ``none``, ``sdl``, ``egl-headless`` …"""
    devices: tuple[str, ...] = ()
    """What ``-device`` takes, aliases included."""
    cpus: tuple[str, ...] = ()
    """What ``-cpu`` takes."""


class IntrospectionError(Exception):
    """The binary did not hold a QMP conversation; the message says how far it came."""


def introspect(path: Path, *, deadline_s: float) -> QemuFeatures:
    """Ask the binary at ``path``. Raises IntrospectionError, and ToolMissing when it cannot be run."""
    argv: list[str | Path] = [
        path,
        "-machine",
        "none",
        "-S",
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
    ]
    argv += ["-chardev", "stdio,id=qmp,signal=off", "-mon", "chardev=qmp,mode=control"]
    said = transcribe(
        argv, purpose="introspection", deadline_s=deadline_s, replies=_requests(), stop_at=_LAST_ANSWER
    )
    if said.ending == "deadline":
        raise IntrospectionError(f"did not answer QMP within {deadline_s:g} s")
    found = features(answers(said.stdout.decode(errors="replace")), said.last_error)
    listed = transcribe([path, "-display", "help"], purpose="displays of a qemu", deadline_s=deadline_s)
    return replace(found, displays=displays(listed.stdout.decode(errors="replace")))


def displays(text: str) -> tuple[str, ...]:
    """The names in what ``-display help`` prints: one to a line, between a heading and an empty line."""
    _, _, names = "\n".join(text.splitlines()).partition("display backend types:\n")  # Windows: \r\n
    return tuple(sorted(name for line in names.partition("\n\n")[0].splitlines() if (name := line.strip())))


def devices(text: str) -> tuple[str, ...]:
    """The names and aliases in what ``info qdm`` prints, of devices that a user can add."""
    lines = (line for line in text.splitlines() if not line.endswith(", no-user"))
    return tuple(
        sorted(name for line in lines if (found := _DEVICE.match(line)) for name in found.groups() if name)
    )


def answers(text: str) -> dict[str, Any]:
    """The ``return`` of every command of the batch that succeeded, by our id; errors and events are left out."""
    found: dict[str, Any] = {}
    for line in text.splitlines():
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(message, dict) and "return" in message and str(message.get("id")) in _BATCH:
            found[message["id"]] = message["return"]
    return found


def features(said: dict[str, Any], complaint: str = "") -> QemuFeatures:
    """Read the answers; raises IntrospectionError when an indispensable one is missing."""
    try:
        types = {entry["name"] for entry in said["types"]}
        machines = {entry["name"] for entry in said["machines"]}
        machines |= {entry["alias"] for entry in said["machines"] if "alias" in entry}
        target = str(said["target"]["arch"])
    except (KeyError, TypeError) as error:
        raise IntrospectionError(complaint or f"gave no usable answer to QMP ({error!r})") from None
    gpu = {entry["name"] for entry in said.get("gpu", [])}
    return QemuFeatures(
        target=target,
        accelerators=tuple(sorted(name.removesuffix("-accel") for name in types if name.endswith("-accel"))),
        machines=tuple(sorted(machines - {"none"})),
        virtio_gpu_gl={"virtio-gpu-gl-pci", GPU_GL} <= types,  # the one comes without the other's module
        venus="venus" in gpu,
        spice="chardev-spicevmc" in types,
        dbus_display="dbus-display" in types,
        vhost_user_vsock="vhost-user-vsock-pci" in types,
        devices=devices(str(said.get("devices", ""))),
        cpus=tuple(sorted({str(entry["name"]) for entry in said.get("cpus", [])})),
    )


def _requests() -> list[bytes]:
    """One for each line that QEMU says: the greeting, then the answers."""
    return [
        json.dumps({"execute": command, "arguments": arguments, "id": key}).encode() + b"\n"
        for key, (command, arguments) in _BATCH.items()
    ]
