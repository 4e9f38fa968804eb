"""Values that any file of a run can hold, made of whatever a guest, a host or a configuration gave.

What was measured must never be lost because a guest's name cannot be encoded: this is where it is made to fit, when
it is recorded, so that the models accept it when the run ends.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from harness.host.paths import without_home

TEXT_MAX = 20_000
"""Characters kept of a message or a note: a guest can write without end."""

NAME_MAX = 200
"""Characters of a name, as the models have it."""


def printable(text: str) -> str:
    """Text that any file and database can hold, and anybody may read: undecodable bytes and NUL escaped, the user's
    home folder as ``~``, no longer than TEXT_MAX.
    """
    return _encodable(without_home(text))


def fitting_name(text: str) -> str:
    """A printable name that is neither empty nor longer than NAME_MAX."""
    clean = _encodable(text) or "unnamed"
    return clean if len(clean) <= NAME_MAX else f"{clean[: NAME_MAX - 1]}…"


def _encodable(text: str) -> str:
    clean = text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")
    return (
        clean if len(clean) <= TEXT_MAX else f"{clean[:TEXT_MAX]}… ({len(clean) - TEXT_MAX} more characters)"
    )


def plain_value(value: Any) -> Any:
    """``value`` as JSON can hold it: mappings, sequences, text, finite numbers, booleans, None; any other as text."""
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case str():
            return printable(value)
        case Mapping():
            return {printable(str(key)): plain_value(each) for key, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain_value(each) for each in value]
    return printable(str(value))
