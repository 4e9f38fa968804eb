"""The words of GRUB's script language: quotes, variables, comments, one statement after another."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_TOKEN = re.compile(
    r"""
      (?P<continued>\\\n)
    | (?P<escaped>\\(?s:.))
    | '(?P<single>[^']*)'
    | (?P<quote>")
    | \$(?:\{(?P<braced>[^}\n]*)\}|(?P<plain>\w+|[?*@\#]))
    | (?P<space>[ \t\r]+)
    | (?P<end>[\n;])
    | (?P<text>[^\\'"$\s;]+|.)
    """,
    re.VERBOSE,
)
_ALONE = {"{", "}"}
"""Words that are statements of their own wherever they stand …"""
_FIRST = {"then", "else", "do"}
"""… and where a statement begins."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a word: text, or the name of a variable."""

    text: str
    variable: bool = False
    quoted: bool = False


Word = tuple[Part, ...]
Statement = tuple[Word, ...]


def statements(text: str) -> Iterator[Statement]:
    """Every statement of a script in turn; a quote that nothing closes ends with the script."""
    words: list[Word] = []
    for word in _words(text):
        bare = word[0].text if word and len(word) == 1 and not (word[0].variable or word[0].quoted) else None
        alone = bare in _ALONE or (bare in _FIRST and not words)
        if word is None or alone:
            if words:
                yield tuple(words)
            words = []
            if word is not None:
                yield (word,)
        else:
            words.append(word)
    if words:
        yield tuple(words)


def expand(statement: Sequence[Word], variables: Mapping[str, str]) -> list[str]:
    """Its words with the values of variables; one without quotes whose value has blanks is several words, or none."""
    words: list[str] = []
    for word in statement:
        text = "".join(variables.get(part.text, "") if part.variable else part.text for part in word)
        if all(part.variable and not part.quoted for part in word):
            words += text.split()
        else:
            words.append(text)
    return words


def _words(text: str) -> Iterator[Word | None]:
    """Words, and None where a statement ends."""
    parts: list[Part] = []
    quoted = False
    at = 0
    while at < len(text):
        if not quoted and not parts and text[at] == "#":
            at = text.find("\n", at) % (len(text) + 1)
            continue
        found = _TOKEN.match(text, at)
        assert found, "the last alternative takes any character"
        at = found.end()
        kind = found.lastgroup or ""
        if kind == "quote":
            quoted = not quoted
            parts.append(Part("", quoted=True))
        elif kind in {"braced", "plain"}:
            parts.append(Part(found[kind], variable=True, quoted=quoted))
        elif quoted:
            # Within double quotes a backslash only takes away the meaning of these.
            escaped = kind == "escaped" and found[0][1] in '"$\\'
            parts.append(
                Part(found[0][1:] if escaped else "" if kind == "continued" else found[0], quoted=True)
            )
        elif kind in {"space", "end"}:
            if parts:
                yield tuple(parts)
                parts = []
            if kind == "end":
                yield None
        elif kind == "single":
            parts.append(Part(found["single"], quoted=True))
        elif kind == "escaped":
            parts.append(Part(found[0][1:], quoted=True))
        elif kind == "text":
            parts.append(Part(found["text"]))
    if parts:
        yield tuple(parts)
