"""From matplotlib's SVG to one that lives in a page: it takes the page's colours, light or dark, and its
font.

Matplotlib wants real colours, so each role has a colour of its own that nothing else uses; in the SVG it is
replaced by the CSS variable of that role.
"""

from __future__ import annotations

import re
from html import escape

from harness.report.guest_text import plain

ROLES = {
    "ink": "#010101",
    "muted": "#020202",
    "line": "#030303",
    "page": "#040404",
    "accent": "#050505",
    "accent-soft": "#060606",
    "native": "#070707",
    "phase-1": "#080808",
    "phase-2": "#090909",
    "phase-3": "#0a0a0a",
    "phase-4": "#0b0b0b",
    "phase-5": "#0c0c0c",
    "phase-6": "#0d0d0d",
    "on-phase": "#0e0e0e",
}
"""Role → the colour that stands for it while matplotlib draws; in the page it is ``var(--ROLE)``."""

_VARIABLES = {colour: f"var(--{role})" for role, colour in ROLES.items()}
_COLOUR = re.compile("|".join(map(re.escape, _VARIABLES)))
_PREAMBLE = re.compile(r"\A.*?(?=<svg)", re.DOTALL)
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
_GROUP_ID = re.compile(r'<g id="[^"]*"(/?)>')
_STYLESHEET = re.compile(r"\s*<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL)
"""It names ``*``, which would be everything in the page."""
_FAMILY = re.compile(r" ?font-family: [^;\"]*;?")
_TAG = re.compile(r"<[^>]*>")
_DIGITS = re.compile(r"(-?\d+\.\d{2})\d+")
"""Of coordinates, which nobody sees; the text between tags is for people and keeps its own."""


def inline(svg: str, *, label: str) -> str:
    """The ``<svg>`` element alone, without ids that another picture of the page may have, described by
    ``label``.
    """
    svg = _PREAMBLE.sub("", svg, count=1)
    svg = _METADATA.sub("", svg)
    svg = _GROUP_ID.sub(r"<g\1>", svg)
    head, close, body = svg.partition(">")
    head = re.sub(r' (width|height|xmlns:xlink)="[^"]*"', "", head)
    head += ' xmlns:xlink="http://www.w3.org/1999/xlink" stroke-linejoin="round"'
    head += f' role="img" aria-label="{escape(label)}"'
    body = _COLOUR.sub(lambda match: _VARIABLES[match.group()], body)
    body = _FAMILY.sub("", _STYLESHEET.sub("", body))
    body = _TAG.sub(lambda tag: _DIGITS.sub(r"\1", tag.group()), body)
    return plain(head + close + body).strip()
