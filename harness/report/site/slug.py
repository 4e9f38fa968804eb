"""From a name, which may be anybody's text, to a part of a path and of a link that is the same for ever."""

from __future__ import annotations

import hashlib
import re

LENGTH_MAX = 60

_PLAIN = re.compile(rf"[a-z0-9][a-z0-9._-]{{0,{LENGTH_MAX - 1}}}")
_OTHER = re.compile(r"[^a-z0-9]+")


def slug(name: str) -> str:
    """``name`` itself where it is short, lower-case and plain; else what is plain of it and six digits of its SHA-256.

    Two names have two slugs, on file systems that ignore case as well.
    """
    if _PLAIN.fullmatch(name) and not name.endswith("."):
        return name
    digits = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    return f"{_OTHER.sub('-', name.lower()).strip('-')[:LENGTH_MAX]}-{digits}".lstrip("-")
