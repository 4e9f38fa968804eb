"""Which mirrors to ask, in order.

The configured one alone, if there is one; else those in the host's own apt sources, which are near and allowed,
then official ones. Only archives of Debian proper count: not its security archive, not Ubuntu, not third parties.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from harness.errors import InvalidConfiguration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

OFFICIAL = (
    "https://ftp.debian.org/debian",
    "http://ftp.de.debian.org/debian",
    "http://ftp.us.debian.org/debian",
    "http://ftp.uk.debian.org/debian",
    "http://ftp.jp.debian.org/debian",
)
VARIABLE = "VISORBENCH_MIRROR"

_SUITES = re.compile(
    r"(bullseye|bookworm|trixie|forky|duke|sid|oldoldstable|oldstable|stable|testing|unstable)"
    r"(-updates|-backports|-proposed-updates)?/?"
)
_ONE_LINE = re.compile(r"deb\s+(?:\[[^\]]*\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.+)")


def mirrors(configured: str | None = None, apt: Path = Path("/etc/apt")) -> list[str]:
    """Base addresses without a final slash, best first; raises InvalidConfiguration for one that is no http(s) address.

    ``configured`` beats the environment variable VISORBENCH_MIRROR; either is the only mirror asked.
    """
    chosen = configured or os.environ.get(VARIABLE)
    if chosen:
        if urlsplit(chosen).scheme not in ("http", "https") or not urlsplit(chosen).hostname:
            raise InvalidConfiguration(
                f"the mirror {chosen!r} is not an http(s) address", fix=f"give one such as {OFFICIAL[0]}"
            )
        return [chosen.rstrip("/")]
    return list(dict.fromkeys([*apt_mirrors(apt), *OFFICIAL]))


def apt_mirrors(apt: Path) -> list[str]:
    """The Debian mirrors in an apt configuration folder; unreadable or odd files are passed over."""
    files = [apt / "sources.list", *sorted(apt.glob("sources.list.d/*"))]
    found: list[str] = []
    for path in files:
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        if path.suffix == ".sources":
            found += from_deb822(text)
        elif path.suffix == ".list":
            found += from_one_line(text)
    return list(dict.fromkeys(found))


def from_deb822(text: str) -> list[str]:
    """The Debian mirrors in a ``.sources`` file (sources.list(5), DEB822-STYLE FORMAT)."""
    from debian.deb822 import Deb822  # noqa: PLC0415 - only who asks an archive pays for it

    found: list[str] = []
    for stanza in Deb822.iter_paragraphs(text.splitlines(), use_apt_pkg=False):
        field = {name.lower(): value.split() for name, value in stanza.items()}
        if field.get("enabled", ["yes"])[:1] == ["no"] or "deb" not in field.get("types", []):
            continue
        found += _debian(field.get("uris", []), field.get("suites", []), field.get("components", []))
    return found


def from_one_line(text: str) -> list[str]:
    """The Debian mirrors in a ``.list`` file (sources.list(5), ONE-LINE-STYLE FORMAT)."""
    found: list[str] = []
    for line in text.splitlines():
        match = _ONE_LINE.fullmatch(line.partition("#")[0].strip())
        if match:
            found += _debian([match["uri"]], [match["suite"]], match["components"].split())
    return found


def _debian(uris: Iterable[str], suites: Iterable[str], components: Iterable[str]) -> Iterator[str]:
    if "main" not in components or not any(_SUITES.fullmatch(suite) for suite in suites):
        return
    for uri in uris:
        try:
            parts = urlsplit(uri)
        except ValueError:
            continue
        path = parts.path.rstrip("/")
        if parts.scheme in ("http", "https") and parts.hostname and path.rpartition("/")[2] == "debian":
            yield uri.rstrip("/")
