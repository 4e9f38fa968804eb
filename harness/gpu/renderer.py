"""Who draws: read from the names that drivers give themselves, layer below layer.

Names are the only proof of acceleration. The device's type is none: it says "cpu" in an accelerated guest whose host
renders in software. A name nests: ``zink Vulkan 1.4(Virtio-GPU Venus (llvmpipe (LLVM 19.1.7, 256 bits)) (VENUS_MESA))``
is OpenGL on the guest's Vulkan, carried to the host by Venus, drawn by the host's llvmpipe.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.gpu.report import Adapter


class RendererKind(StrEnum):
    """One layer of what draws."""

    VENUS = "venus"
    """Vulkan, carried from a guest to its host."""
    VIRGL = "virgl"
    """OpenGL, carried from a guest to its host."""
    PARAVIRTUAL = "paravirtual"
    """Another driver that carries a guest's commands to its host: Apple's, VMware's."""
    ZINK = "zink"
    """OpenGL, translated to the Vulkan beneath."""
    LLVMPIPE = "llvmpipe"
    """Mesa's OpenGL on the processor."""
    LAVAPIPE = "lavapipe"
    """Mesa's Vulkan on the processor."""
    SOFTWARE = "software"
    """Another renderer on the processor: softpipe, SwiftShader, WARP."""
    HARDWARE = "hardware"
    """A GPU, by its own driver."""
    UNKNOWN = "unknown"
    """It has no name."""


_CARRIERS = frozenset({RendererKind.VENUS, RendererKind.VIRGL, RendererKind.PARAVIRTUAL})
_ON_PROCESSORS = frozenset({RendererKind.LLVMPIPE, RendererKind.LAVAPIPE, RendererKind.SOFTWARE})


@dataclass(frozen=True, slots=True)
class Renderer:
    """A layer and the one beneath it, where the name tells."""

    kind: RendererKind
    name: str
    beneath: Renderer | None = None

    def __str__(self) -> str:
        return f"{self.kind} on {self.beneath}" if self.beneath else str(self.kind)

    @property
    def layers(self) -> tuple[RendererKind, ...]:
        """From the top down."""
        return (self.kind, *(self.beneath.layers if self.beneath else ()))

    @property
    def leaves_guest(self) -> bool:
        """In a guest: the drawing is done by the host, or by a GPU that was handed to the guest."""
        above = next((kind for kind in self.layers if kind is not RendererKind.ZINK), RendererKind.UNKNOWN)
        return above in _CARRIERS or above is RendererKind.HARDWARE

    @property
    def on_processor(self) -> bool:
        """As far as the names tell, a processor draws: the guest's, or where a carrier is above it the host's."""
        return self.layers[-1] in _ON_PROCESSORS


_PATTERNS: tuple[tuple[RendererKind, re.Pattern[str]], ...] = (
    (RendererKind.VENUS, re.compile(r"Virtio-GPU Venus(?: \((?P<beneath>.*)\))?$")),
    (RendererKind.VIRGL, re.compile(r"virgl(?: \((?P<beneath>.*)\))?$", re.IGNORECASE)),
    (RendererKind.ZINK, re.compile(r"zink(?: Vulkan [\d.]+)? ?\((?P<beneath>.*?)(?: \([A-Z0-9_ ]+\))?\)$")),
    (RendererKind.LLVMPIPE, re.compile(r"llvmpipe \(LLVM [^()]*\)$", re.IGNORECASE)),
    (RendererKind.SOFTWARE, re.compile(r"softpipe$|.*SwiftShader|Microsoft Basic Render Driver")),
    (RendererKind.PARAVIRTUAL, re.compile(r"Apple Paravirtual|SVGA3D")),
)
"""Tried in this order; ``beneath`` is the name of the layer below, which is read by the same table."""

_DEEPEST = 4


def classify(adapter: Adapter) -> Renderer:
    """The renderer behind an adapter. On Vulkan llvmpipe's name means lavapipe, at whatever depth Vulkan is."""
    return _read(adapter.device.strip(), vulkan=adapter.api == "vulkan", depth=0)


def _read(name: str, *, vulkan: bool, depth: int) -> Renderer:
    if not name:
        return Renderer(RendererKind.UNKNOWN, name)
    for kind, pattern in _PATTERNS:
        found = pattern.match(name)
        if found is None:
            continue
        if kind is RendererKind.LLVMPIPE and vulkan:
            return Renderer(RendererKind.LAVAPIPE, name)
        inner = found.groupdict().get("beneath")
        if not inner or depth == _DEEPEST:
            return Renderer(kind, name)
        below_vulkan = kind in (RendererKind.VENUS, RendererKind.ZINK)
        return Renderer(kind, name, _read(inner, vulkan=below_vulkan, depth=depth + 1))
    return Renderer(RendererKind.HARDWARE, name)
