"""Fingerprints: what makes two subjects, or two hosts, the same."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

LENGTH = 16
"""Hexadecimal digits kept of a SHA-256."""

VOLATILE = frozenset({"fingerprint", "load", "memory_available_mib", "noise", "swap_used_mib", "throttled"})
"""Facts of a host that change by themselves and make no other host of it."""


def fingerprint_of(facts: Mapping[str, Any]) -> str:
    """The same for the same facts in any order; raises TypeError for what JSON cannot hold."""
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:LENGTH]


def host_fingerprint(facts: Mapping[str, Any]) -> str:
    """The fingerprint of a host: of every fact that does not change by itself."""
    return fingerprint_of({key: value for key, value in facts.items() if key not in VOLATILE})
