"""How a double misbehaves: words in ``$VFKIT_DOUBLE`` or ``$KRUNKIT_DOUBLE``, with commas between them."""

from __future__ import annotations

import os
from enum import StrEnum


class Mode(StrEnum):
    """One way to misbehave."""

    JAMMED = "jammed"
    """The REST server takes connections and answers none."""
    JAMMED_POST = "jammed-post"
    """It answers no POST."""
    HALF = "half"
    """An answer ends in the middle of its body."""
    NUL = "nul"
    """A body ends with a NUL, and has no length."""
    GARBAGE = "garbage"
    """An answer is no HTTP."""
    DRIPS = "drips"
    """An answer comes so slowly that it never ends."""
    DOCUMENTED = "documented"
    """A change is answered with status 200, as the documentation says."""
    ERROR = "500"
    """Every POST is answered with status 500 and an error."""
    DIES = "dies"
    """The program complains and exits at its start."""
    MUTE = "mute"
    """The REST server is up, and the guest never starts."""
    ORPHAN = "orphan"
    """The worker does not end with its vfkit."""
    OLD = "old"
    """An old version: a vfkit without pseudo-terminals, a krunkit that stops at any POST."""


def modes(variable: str = "VFKIT_DOUBLE") -> frozenset[Mode]:
    """Those that are asked for."""
    return frozenset(Mode(word) for word in os.environ.get(variable, "").split(",") if word)
