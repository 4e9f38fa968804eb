"""The graphics of a QEMU machine, as data: the virtio GPU that its guest sees, and the display behind it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from harness.errors import InvalidConfiguration
from harness.machines.qemu.options import joined, word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.machines.qemu.options import Value

RENDERS_ALWAYS = frozenset({"egl-headless"})
RENDERS_NEVER = frozenset({"none", "curses"})
"""Displays that are never rendered with OpenGL; the others are where ``gl`` says so (QEMU: qapi/ui.json)."""


class Gl(StrEnum):
    """Which OpenGL a display is rendered with (QEMU's DisplayGLMode); ``on`` leaves the choice to QEMU."""

    OFF = "off"
    ON = "on"
    CORE = "core"
    ES = "es"


@dataclass(frozen=True, slots=True)
class Display:
    """Where the picture goes on the host: ``none``, ``sdl``, ``gtk``, ``cocoa``, ``egl-headless``, ``dbus``, or what
    only a QEMU of the user's knows. ``gl`` None: as QEMU likes it."""

    name: str = "none"
    gl: Gl | None = None
    properties: Mapping[str, Value] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Self:
        """What follows ``-display``, such as ``sdl,gl=on``; raises InvalidConfiguration."""
        name, *options = text.split(",")
        pairs = dict(option.partition("=")[::2] for option in options)
        gl = pairs.pop("gl", None)
        if gl is not None and gl not in list(Gl):
            raise InvalidConfiguration(
                f"the display {text!r} cannot have gl={gl}", fix=f"it can be {', '.join(Gl)}"
            )
        return cls(word(name, "display"), Gl(gl) if gl else None, pairs)

    @property
    def renders(self) -> bool:
        """Whether it has an OpenGL context for a virtio-gpu-gl; of a display nobody knows, QEMU will tell."""
        if self.name in RENDERS_ALWAYS:
            return True
        return self.name not in RENDERS_NEVER and self.gl not in (None, Gl.OFF)

    def __str__(self) -> str:
        gl: dict[str, Value | None] = {"gl": self.gl.value if self.gl else None}
        return joined(word(self.name, "display"), gl | dict(self.properties))


@dataclass(frozen=True, slots=True)
class Gpu:
    """A virtio GPU on PCI.

    ``gl``: OpenGL through virglrenderer (``virtio-gpu-gl-pci``); without it, a framebuffer. ``hostmem_mib``: the
    window in the guest's address space for memory of the host's GPU, 0 for none; ``blob``: resources that the guest
    and the host share; ``venus``: Vulkan, which needs all of these. ``size``: width and height of the display that the
    guest finds connected, None as QEMU likes it (1280x800); Linux drives a virtio GPU at this size and no other.
    """

    gl: bool = False
    hostmem_mib: int = 0
    blob: bool = False
    venus: bool = False
    size: tuple[int, int] | None = None

    @property
    def driver(self) -> str:
        """QEMU's name for it."""
        return "virtio-gpu-gl-pci" if self.gl else "virtio-gpu-pci"

    def __str__(self) -> str:
        options: dict[str, Value | None] = {
            "hostmem": f"{self.hostmem_mib}M" if self.hostmem_mib else None,
            "blob": self.blob or None,
            "venus": self.venus or None,
            "xres": self.size[0] if self.size else None,
            "yres": self.size[1] if self.size else None,
        }
        return joined(self.driver, options)
