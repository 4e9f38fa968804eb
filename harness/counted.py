"""A number of things, in English."""

from __future__ import annotations


def counted(number: int, thing: str, things: str | None = None) -> str:
    """``1 sample``, ``1,000 samples``; ``things`` is the plural where an s does not make it."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"
