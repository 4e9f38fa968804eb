"""Boot-loader-specification entries: what ``loader/entries/*.conf`` says, and which of them sorts first.

Format and order: UAPI.1, "Boot Loader Specification", type 1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cmp_to_key
from typing import TYPE_CHECKING

from harness.kernels.versions import compare

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_VARIABLE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?")


@dataclass(frozen=True, slots=True)
class BlsEntry:
    """One entry; paths are as they are there, from the root of the file system that has the entry."""

    name: str
    """The file's, without ``.conf``."""
    linux: str
    initrds: tuple[str, ...]
    options: str
    title: str
    version: str
    sort_key: str
    machine_id: str


def parse_bls(name: str, text: str, variables: Mapping[str, str]) -> BlsEntry | None:
    """The entry in ``text``, or None for one that starts no Linux kernel (an EFI program, a remark).

    ``variables`` are GRUB's, which Fedora's entries name (``$kernelopts``); what none names is empty, as in GRUB.
    """
    values: dict[str, list[str]] = {}
    for line in text.splitlines():
        key, _, value = line.strip().partition(" ") if " " in line.strip() else line.strip().partition("\t")
        if key and not key.startswith("#") and value.strip():
            values.setdefault(key, []).append(_expand(value.strip(), variables))
    if not values.get("linux"):
        return None
    initrds = tuple(path for line in values.get("initrd", []) for path in line.split())
    last = {key: found[-1] for key, found in values.items()}
    return BlsEntry(
        name, last["linux"], initrds, " ".join(" ".join(values.get("options", [])).split()),
        last.get("title", ""), last.get("version", ""), last.get("sort-key", ""), last.get("machine-id", ""),
    )  # fmt: skip


def sorted_entries(entries: Iterable[BlsEntry]) -> list[BlsEntry]:
    """As a boot loader shows them: the first is what it boots."""
    return sorted(entries, key=cmp_to_key(_order))


def _order(left: BlsEntry, right: BlsEntry) -> int:
    """Entries with a sort key first; by that, by machine, by falling version; else by falling file name."""
    if bool(left.sort_key) != bool(right.sort_key):
        return -1 if left.sort_key else 1
    if left.sort_key:
        ours, theirs = (left.sort_key, left.machine_id), (right.sort_key, right.machine_id)
        if ours != theirs:
            return -1 if ours < theirs else 1
        if order := compare(right.version, left.version):
            return order
    return compare(right.name, left.name)


def _expand(text: str, variables: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda name: variables.get(name[1], ""), text)
