"""What is said of emulation where an accelerator does not work: it is a way out, unless it was taken already."""

from __future__ import annotations

OR_TCG = ", or use the backend tcg"
"""The end of what would fix an accelerator."""


def beside_tcg(fix: str) -> str:
    """The same where the guest runs on ``tcg`` anyway."""
    return fix.removesuffix(OR_TCG)
