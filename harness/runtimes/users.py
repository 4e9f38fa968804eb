"""Who runs programs of a tree now: what must not be deleted under them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import RuntimeInUse

if TYPE_CHECKING:
    from pathlib import Path


def users_of(root: Path) -> list[int]:
    """The pids whose program, or an argument, lies below ``root``; those of other users only where one may look.

    Both ways leave such a process: the loader is itself the program, and bubblewrap, run by the tree's loader, stays as
    the parent of what it hides in a mount namespace.
    """
    import psutil  # noqa: PLC0415 - light commands do not need it

    roots = tuple({f"{root.absolute()}/", f"{root.resolve()}/"})
    found = []
    for process in psutil.process_iter(["exe", "cmdline"]):
        words = [process.info["exe"] or "", *(process.info["cmdline"] or ())]
        if any(word.startswith(roots) for word in words):
            found.append(process.pid)
    return found


def check_unused(name: str, root: Path) -> None:
    """Raise RuntimeInUse when processes run from the runtime at ``root``."""
    if root.exists() and (pids := users_of(root)):
        raise RuntimeInUse(
            f"the runtime {name} is in use by {'process' if len(pids) == 1 else 'processes'} "
            f"{', '.join(map(str, pids))}",
            fix="wait until they have ended, or end them (`visorbench ps` lists those of the harness), and try again",
            pids=pids,
        )
