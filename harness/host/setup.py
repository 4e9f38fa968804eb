"""Install what the system lacks: a plan that can be read before anything runs, then the package manager's own commands.

Nothing missing: nothing runs and no network is touched. With root or password-less sudo the commands run; otherwise
InstallRefused carries the one command for the user to run.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import InstallRefused
from harness.host import packages
from harness.host.system import is_root

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FORBIDDEN = "VISORBENCH_NO_INSTALL"
"""Set to anything but "" or "0", nothing is ever installed."""

_APT_LISTS = Path("/var/lib/apt/lists")
_PACMAN_LISTS = Path("/var/lib/pacman/sync")
_LISTS_AGE_S = 24 * 3600
_PRINTED_ONLY = frozenset({"winget"})
_AS_USER = frozenset({"brew", "winget"})


@dataclass(frozen=True, slots=True)
class InstallPlan:
    """What is missing and what would bring it."""

    manager: str | None
    missing: tuple[packages.Need, ...]
    names: tuple[str, ...]
    """The packages to install."""
    unavailable: tuple[packages.Need, ...]
    """Missing, and not packaged on this platform."""
    commands: tuple[tuple[str, ...], ...]
    """To be run in this order, as root where the manager needs it; as a person would type them."""

    @property
    def hopeless(self) -> bool:
        """All that is missing is what this platform does not package: there is nothing to do, and no harm in it."""
        return bool(self.missing) and self.manager is not None and self.unavailable == self.missing

    @property
    def one_command(self) -> str:
        """The commands as one line for a shell, with sudo where root is needed and we are not; '' for none."""
        sudo = () if self.manager in _AS_USER or is_root() else ("sudo",)
        return " && ".join(shlex.join([*sudo, *command]) for command in self.commands)


def plan(manager: str | None = None, missing: Sequence[packages.Need] | None = None) -> InstallPlan:
    """The plan for this host; ``manager`` and ``missing`` stand in for what is found here."""
    lacking = tuple(packages.missing_needs() if missing is None else missing)
    chosen = manager or packages.package_manager()
    wanted: list[str] = []
    for need in lacking:
        wanted += [name for name in packages.packages_for(need, chosen or "") if name not in wanted]
    return InstallPlan(
        manager=chosen,
        missing=lacking,
        names=tuple(wanted),
        unavailable=tuple(need for need in lacking if not packages.packages_for(need, chosen or "")),
        commands=tuple(_commands(chosen, wanted)) if wanted else (),
    )


def install(todo: InstallPlan, *, yes: bool, say: Callable[[str], None] | None = None) -> None:
    """Run the plan, telling ``say`` each command first; what the platform does not package is left out.

    ``yes``: the user has agreed. Raises InstallRefused when installing is forbidden or needs a password, when a command
    fails, or when something is still missing afterwards; its ``command`` is the line to run by hand.
    """
    if not todo.missing or todo.hopeless:
        return
    prefix = authority(todo)
    if not yes:
        raise _refusal(f"{_lacks(todo)}; nobody agreed to installing", todo)
    for by_hand in todo.commands:
        command = _unattended(by_hand)
        if say is not None:
            say(shlex.join([*prefix, *command]))
        _run([*prefix, *command], todo)
    left = [need for need in packages.missing_needs() if need not in todo.unavailable]
    if left:
        raise _refusal(f"still missing after installing: {', '.join(need.what for need in left)}", todo)


def authority(todo: InstallPlan) -> list[str]:
    """What to put before each command: nothing, or sudo; raises InstallRefused when they may not or cannot be run."""
    if os.environ.get(FORBIDDEN, "0") not in ("", "0"):
        raise _refusal(f"{_lacks(todo)}; {FORBIDDEN} forbids installing", todo)
    if not todo.commands:
        raise _refusal(f"{_lacks(todo)}; no package manager known here has it", todo)
    if todo.manager in _PRINTED_ONLY:
        raise _refusal(f"{_lacks(todo)}; {todo.manager} is left to you", todo)
    if todo.manager in _AS_USER or is_root():
        return []
    if (
        shutil.which("sudo")
        and subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0
    ):
        return ["sudo", "-n"]
    raise _refusal(f"{_lacks(todo)}; installing needs root, or sudo without a password", todo)


def declined(todo: InstallPlan) -> InstallRefused:
    """The user, shown the command and asked, has said no: it needs no telling again."""
    return InstallRefused(
        f"{_lacks(todo)}; nothing was installed",
        fix="run the command above yourself, or answer yes",
        command=todo.one_command,
        missing=[need.name for need in todo.missing],
    )


def _lacks(todo: InstallPlan) -> str:
    return f"missing on this host: {', '.join(need.what for need in todo.missing)}"


def _run(argv: list[str], todo: InstallPlan) -> None:
    # Not an owned process: killing a package manager half-way leaves the system worse than letting it end.
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
    if done.returncode != 0:
        raise _refusal(f"`{shlex.join(argv)}` failed with status {done.returncode}", todo)


def _refusal(message: str, todo: InstallPlan) -> InstallRefused:
    command = todo.one_command
    fix = f"run: {command}" if command else "install QEMU 7.0 or newer by hand, or name one with --qemu PATH"
    return InstallRefused(message, fix=fix, command=command, missing=[need.name for need in todo.missing])


def _commands(manager: str | None, wanted: list[str]) -> list[tuple[str, ...]]:
    if manager == "apt":
        install_ = ("apt-get", "install", "-y", "--no-install-recommends", *wanted)
        return [("apt-get", "update"), install_] if _apt_lists_old() else [install_]
    if manager in ("dnf", "dnf-el"):
        return [("dnf", "install", "-y", "--setopt=install_weak_deps=False", *wanted)]
    if (
        manager == "pacman"
    ):  # refreshing lists that exist would be a partial upgrade, which Arch does not support
        fresh = "-S" if any(_PACMAN_LISTS.glob("*.db")) else "-Sy"
        return [("pacman", fresh, "--needed", "--noconfirm", *wanted)]
    if manager == "brew":
        return [(packages.brew() or "brew", "install", *wanted)]
    if manager == "winget":
        return [("winget", "install", "--id", name) for name in wanted]
    return []


def _unattended(command: tuple[str, ...]) -> tuple[str, ...]:
    """The command as run from here, where nobody answers apt's questions, and another apt may hold the lock."""
    if command[0] != "apt-get":
        return command
    return ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=120", *command[1:])


def _apt_lists_old() -> bool:
    """Whether apt's lists are missing or were last fetched over a day ago.

    A list's modification time is the server's, so the time of its inode tells, and that of apt's own work folder.
    """
    lists = [path.stat().st_ctime for path in _APT_LISTS.glob("*_Packages*")]
    if not lists:
        return True
    work = _APT_LISTS / "partial"
    newest = max(*lists, work.stat().st_mtime if work.is_dir() else 0.0)
    return time.time() - newest > _LISTS_AGE_S
