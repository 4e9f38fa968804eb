"""What a grub.cfg boots: its menu, and the entry that GRUB takes where nobody touches a key.

The file is a script. As much of its language is carried out as distributions' generators write (GNU GRUB Manual,
"Writing full configuration files directly"): variables, quotes, ``if`` with tests of strings and of the grubenv,
``menuentry``, ``submenu``, ``linux``, ``initrd``. Other commands are taken to succeed; functions and loops are passed
over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.kernels.grub_words import expand, statements

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LINUX = {"linux", "linux16", "linuxefi"}
_INITRD = {"initrd", "initrd16", "initrdefi"}
_LOOPS = {"while", "until", "for"}
_WITH_VALUE = {"--class", "--users", "--hotkey", "--id"}
"""Options of ``menuentry`` that take the next word."""
_MOST_ENTRIES = 1000


@dataclass(frozen=True, slots=True)
class GrubEntry:
    """One line of the menu that starts Linux; paths are from the root of the file system that GRUB reads."""

    title: str
    name: str
    """Its ``--id``, else its title."""
    place: str
    """Its number, from 0, after those of the submenus it is in: ``1>0``."""
    linux: str
    options: str
    initrds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GrubMenu:
    """The entries, and the variables at the end; ``bls`` where the menu is made of the files in ``loader/entries``."""

    entries: tuple[GrubEntry, ...]
    variables: Mapping[str, str]
    bls: bool

    @property
    def default(self) -> GrubEntry | None:
        """What boots; None where ``default`` names no entry that starts Linux."""
        wanted = self.variables.get("default") or "0"
        return next((entry for entry in self.entries if _is(entry, wanted)), None)


def parse_environment(text: str) -> dict[str, str]:
    """The variables of a grubenv: ``name=value`` lines, padded with ``#``."""
    pairs = (line.partition("=") for line in text.splitlines() if not line.startswith("#"))
    return {name: value for name, equals, value in pairs if equals and name.isidentifier()}


def parse_grub(text: str, environment: Mapping[str, str] | None = None) -> GrubMenu:
    """The menu of a grub.cfg; ``environment`` is its grubenv. Takes any text."""
    script = _Script(dict(environment or {}))
    for statement in statements(text):
        script.carry_out(expand(statement, script.variables))
    return GrubMenu(tuple(script.entries), script.variables, script.bls)


def _is(entry: GrubEntry, wanted: str) -> bool:
    """``wanted`` is a number, an id or a title, or several through submenus: then the last says enough."""
    if wanted == entry.place or entry.place.startswith(f"{wanted}>"):
        return True
    last = wanted.rpartition(">")[2]
    return not last.isdigit() and last in {entry.name, entry.title}


@dataclass(slots=True)
class _Block:
    """What is open: an ``if`` (``met``: one of its conditions was), a loop, or the braces of ``kind``."""

    kind: str
    active: bool
    """Whether what is in it is carried out."""
    outer: bool
    """Whether what is around it is."""
    met: bool = False
    words: list[str] = field(default_factory=list)
    place: str = ""
    count: int = 0
    """Of a submenu: its entries so far."""
    linux: list[str] = field(default_factory=list)
    initrds: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Script:
    """A script that runs, one statement after another."""

    environment: dict[str, str]
    variables: dict[str, str] = field(default_factory=lambda: {"feature_menuentry_id": "y"})
    entries: list[GrubEntry] = field(default_factory=list)
    bls: bool = False
    blocks: list[_Block] = field(default_factory=lambda: [_Block("submenu", active=True, outer=True)])
    opening: list[str] = field(default_factory=list)
    """The statement whose brace comes next."""

    def carry_out(self, words: Sequence[str]) -> None:
        if not words:
            return
        command, *arguments = words
        block = self.blocks[-1]
        if command == "if":
            met = block.active and _holds(arguments, environment=bool(self.environment))
            self.blocks.append(_Block("if", active=met, outer=block.active, met=met))
        elif command in {"elif", "else"} and block.kind == "if":
            holds = command == "else" or _holds(arguments, environment=bool(self.environment))
            block.active = block.outer and not block.met and holds
            block.met |= block.active
        elif command in _LOOPS:
            self.blocks.append(_Block("loop", active=False, outer=block.active))
        elif command == {"if": "fi", "loop": "done"}.get(block.kind, "}") and len(self.blocks) > 1:
            self.close(self.blocks.pop())
        elif command == "{":
            self.open(block)
        elif command in {"menuentry", "submenu", "function"}:
            self.opening = list(words)
        elif block.active:
            self.command(command, arguments)

    def open(self, around: _Block) -> None:
        kind = self.opening[0] if self.opening else "group"
        active = around.active and kind != "function"
        block = _Block(kind, active=active, outer=around.active, words=self.opening)
        menu = next(block for block in reversed(self.blocks) if block.kind == "submenu")
        if active and kind in {"menuentry", "submenu"}:
            block.place = f"{menu.place}>{menu.count}" if menu.place else str(menu.count)
            menu.count += 1
        self.blocks.append(block)
        self.opening = []

    def close(self, block: _Block) -> None:
        if block.kind != "menuentry" or not block.linux or len(self.entries) >= _MOST_ENTRIES:
            return
        title, name = _names(block.words[1:])
        options = " ".join(map(_quoted, block.linux[1:]))
        self.entries.append(
            GrubEntry(title, name, block.place, block.linux[0], options, tuple(block.initrds))
        )

    def command(self, command: str, arguments: list[str]) -> None:
        entry = next((block for block in reversed(self.blocks) if block.kind == "menuentry"), None)
        name, equals, value = (arguments[0] if command == "set" and arguments else command).partition("=")
        if equals:
            self.variables[name] = value
        elif command == "load_env":
            self.variables.update(self.environment)
        elif command == "blscfg":
            self.bls = True
        elif command in _LINUX and entry:
            entry.linux, entry.initrds = arguments, []
        elif command in _INITRD and entry:
            entry.initrds = [path for path in arguments if not path.startswith("--")]


def _quoted(word: str) -> str:
    """As GRUB hands it to the kernel."""
    return f'"{word}"' if " " in word else word


def _names(words: Sequence[str]) -> tuple[str, str]:
    """The title and the id in what follows ``menuentry``."""
    title = name = ""
    option = ""
    for word in words:
        if option:
            name, option = (word if option == "--id" else name), ""
        elif word in _WITH_VALUE:
            option = word
        elif word.startswith("--id="):
            name = word.removeprefix("--id=")
        elif not word.startswith("--") and not title:
            title = word
    return title, name or title


def _holds(words: Sequence[str], *, environment: bool) -> bool:
    """Whether a condition does: ``[ … ]`` or ``test …``; of files only the grubenv may be there."""
    if words and words[0] == "!":
        return not _holds(words[1:], environment=environment)
    if not words or words[0] not in {"[", "test"}:
        return words != ["false"]
    terms = [word for word in words[1:] if word != "]"]
    return any(
        all(_test(term, environment=environment) for term in _split(some, "-a"))
        for some in _split(terms, "-o")
    )


def _split(words: Sequence[str], at: str) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for word in words:
        if word == at:
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


def _test(words: Sequence[str], *, environment: bool) -> bool:
    holds = False
    match words:
        case ["!", *rest]:
            holds = not _test(rest, environment=environment)
        case ["-s" | "-f" | "-e" | "-d", path]:
            holds = environment and path.endswith("grubenv")
        case ["-z", text]:
            holds = not text
        case ["-n", text] | [text]:
            holds = bool(text)
        case [left, "=" | "==", right]:
            holds = left == right
        case [left, "!=", right]:
            holds = left != right
    return holds
