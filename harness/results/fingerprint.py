"""Fingerprints: what makes two subjects the same (two hosts: :func:`harness.host.facts.fingerprint`)."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

LENGTH = 16
"""Hexadecimal digits kept of a SHA-256."""


def fingerprint_of(facts: Mapping[str, Any]) -> str:
    """The same for the same facts in any order; raises TypeError for what JSON cannot hold."""
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:LENGTH]
