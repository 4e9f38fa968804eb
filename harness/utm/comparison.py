"""What a running QEMU was told, beside what the machine's configuration says: UTM does not always do as configured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.utm.running import Option, options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.utm.configuration import Configuration
    from harness.utm.running import Running

_READ_AT_START = (
    "UTM keeps the configuration that it read when it started: quit UTM before you edit a config.plist, or use its"
    " settings window, and start the machine again"
)
_FIRST_COUNTS = ("-accel",)
"""Of several, QEMU takes the first that works."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as configured."""

    what: str
    configured: str
    running: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """An additional argument that had no effect, and why."""

    argument: str
    why: str
    fix: str


def differences(config: Configuration, qemu: Running) -> list[Difference]:
    """What runs otherwise than configured. Additional arguments are part of what is configured."""
    return [
        Difference(what, configured, found or "none")
        for what, configured, found in _pairs(config, qemu)
        if configured != found
    ]


def ignored(config: Configuration, qemu: Running) -> list[Ignored]:
    """The additional arguments that QEMU never got, or got and does not use."""
    left = list(qemu.options)
    found: list[Ignored] = []
    for wanted in options(config.qemu.words):
        if wanted not in left:
            found.append(Ignored(str(wanted), "the running QEMU was not given it", _READ_AT_START))
            continue
        left.remove(wanted)
        first = next(option for option in qemu.options if option.name == wanted.name)
        if wanted.name in _FIRST_COUNTS and first != wanted:
            why = f"QEMU takes the first that works, and UTM puts {first} before it"
            found.append(Ignored(str(wanted), why, "choose it in UTM's settings instead"))
    return found


def _pairs(config: Configuration, qemu: Running) -> Iterator[tuple[str, str, str]]:
    """(what, configured, running); where the two are the same in other words, in the same words."""
    asked = options(config.qemu.words)
    accelerator = _head(_first(qemu, "-accel"))
    yield "accelerator", config.accelerator, accelerator
    yield "machine type", _head(_last(asked, "-machine", "-M")) or config.system.target, _head(_machine(qemu))
    memory = _memory_mib(_last(asked, "-m")) or config.system.memory_mib
    yield "memory", f"{memory} MiB", f"{_memory_mib(_last(qemu.options, '-m'))} MiB"
    if cpus := _cpus(_last(asked, "-smp")) or config.system.cpus:
        yield "CPUs", str(cpus), str(_cpus(_last(qemu.options, "-smp")) or "none")
    devices = [_head(value) for value in qemu.values("-device")]
    for display in config.displays:
        yield "display", display.hardware, display.hardware if display.hardware in devices else ""
    drives = qemu.values("-drive")
    for drive in config.drives:
        wanted = f"id=drive{drive.identifier}"
        name = f"{drive.interface} {drive.image or drive.identifier}".strip()
        yield "drive", name, name if any(wanted in value.split(",") for value in drives) else ""
    if config.information.uuid.upper() not in map(str.upper, qemu.values("-uuid")):
        yield "UUID", config.information.uuid, ", ".join(qemu.values("-uuid"))


def _first(qemu: Running, name: str) -> str:
    return next(iter(qemu.values(name)), "")


def _machine(qemu: Running) -> str:
    return _last(qemu.options, "-machine", "-M")


def _last(given: tuple[Option, ...], *names: str) -> str:
    return next((option.value for option in reversed(given) if option.name in names), "")


def _head(value: str) -> str:
    return value.split(",", 1)[0].removeprefix("type=")


def _cpus(value: str) -> int:
    """The number in ``cpus=4,sockets=1`` or ``4``."""
    first = _head(value).removeprefix("cpus=")
    return int(first) if first.isdecimal() else 0


def _memory_mib(value: str) -> int:
    """MiB in ``-m 4096``, ``4G`` or ``size=4G``."""
    text = _head(value).removeprefix("size=")
    number, unit = (text[:-1], text[-1].upper()) if text[-1:].isalpha() else (text, "M")
    scale = {"M": 1, "G": 1024}.get(unit, 0)
    return int(number) * scale if number.isdecimal() else 0
