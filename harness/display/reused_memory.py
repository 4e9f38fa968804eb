"""Memory for one picture after the other."""

from __future__ import annotations


class ReusedMemory:
    """Bytes that are the same ones again where as many are asked for: one picture is as large as the next, and an
    allocator that gives and takes megabytes a hundred times a second holds several times what is used."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def of(self, size: int) -> bytearray:
        """``size`` bytes, with whatever was written to them last; whoever looks at those of another size keeps them."""
        if len(self._bytes) != size:
            self._bytes = bytearray(size)
        return self._bytes
