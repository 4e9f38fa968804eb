"""QEMU's option syntax: ``first,key=value,key=value``, in which a comma inside a value is written twice."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import InvalidConfiguration

if TYPE_CHECKING:
    from collections.abc import Mapping


Value = str | int | bool | Path
"""What an option can be set to."""

_KEY = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


def joined(first: str | None, options: Mapping[str, Value | None]) -> str:
    """One option argument; None leaves a key out, True and False are ``on`` and ``off``.

    Raises InvalidConfiguration for a key that QEMU cannot parse and for text that no argument can carry.
    """
    parts = [] if first is None else [escaped(first)]
    for key, value in options.items():
        if value is not None:
            if not _KEY.fullmatch(key):
                raise InvalidConfiguration(
                    f"{key!r} is not the name of a QEMU option",
                    fix="write it as `qemu -device NAME,help` does",
                )
            parts.append(f"{key}={escaped(value)}")
    return ",".join(parts)


def escaped(value: Value) -> str:
    """``value`` as QEMU's option parser reads it back."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return plain(str(value)).replace(",", ",,")


def plain(text: str, what: str = "an option of QEMU") -> str:
    """``text`` if an argument can carry it; raises InvalidConfiguration for NUL and for line breaks."""
    if any(character in text for character in "\0\n\r"):
        raise InvalidConfiguration(f"{what} has a NUL or a line break: {text!r}", fix="remove it")
    return text


def word(text: str, what: str) -> str:
    """A name of QEMU's own, such as a machine type; raises InvalidConfiguration."""
    if not _WORD.fullmatch(text):
        raise InvalidConfiguration(
            f"{text!r} is not the name of a {what}",
            fix="letters, digits, dots, hyphens, underscores and plus signs",
        )
    return text
