"""utmctl, UTM's command line: it asks the application by Apple events, and starts it where it does not run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import ControlTimeout, ToolMissing, UtmNotFound, UtmRefused
from harness.host import utm
from harness.host.transcript import transcribe

if TYPE_CHECKING:
    from pathlib import Path

    from harness.host.transcript import Transcript

ANSWER_S = 15.0
START_S = 60.0
_LINE = re.compile(r"^([0-9A-Fa-f-]{36}) (\w+) +(.*)$")
_ERROR = re.compile(r"^Error(?: from event)?:\s*(.*)$", re.MULTILINE)
_NOT_ALLOWED = "-1743"
"""errAEEventNotPermitted: the user said no, or was never asked."""
_ALLOW = "allow this terminal to control UTM: System Settings, Privacy & Security, Automation"
_ON_SCREEN = (
    "utmctl works in the session of the user on the screen, never over SSH; macOS may be asking there"
)


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of ``utmctl list``; status: stopped, starting, started, pausing, paused, resuming, stopping."""

    uuid: str
    status: str
    name: str


@dataclass(frozen=True, slots=True)
class Utmctl:
    """The utmctl of one UTM.app. Every method raises ControlTimeout when it hangs, UtmRefused when it says no."""

    program: Path

    @classmethod
    def of(cls, app: Path) -> Utmctl:
        """That of an application; raises UtmNotFound."""
        program = app / "Contents" / "MacOS" / "utmctl"
        if not program.is_file():
            raise UtmNotFound(
                f"{app} has no utmctl", fix="install UTM 4 or newer, or name another with --app UTM.app"
            )
        return cls(program)

    def list(self) -> tuple[Listed, ...]:
        """Every machine and what it does."""
        lines = self._ask("list").splitlines()[1:]
        return tuple(Listed(*match.groups()) for line in lines if (match := _LINE.match(line)))

    def status(self, uuid: str) -> str:
        """What one machine does, in UTM's word."""
        return self._ask("status", uuid).strip()

    def start(self, uuid: str) -> None:
        """Start it, or resume it."""
        self._ask("start", uuid, deadline_s=START_S)

    def suspend(self, uuid: str) -> None:
        """Pause it, in memory."""
        self._ask("suspend", uuid)

    def stop(self, uuid: str, *, how: str = "request") -> None:
        """``request``: ask its system; ``force``: press the power button; ``kill``: end its process."""
        self._ask("stop", f"--{how}", uuid, deadline_s=START_S)

    def addresses(self, uuid: str) -> tuple[str, ...]:
        """Its IP addresses, as its guest agent tells them, IPv4 first."""
        return tuple(line.strip() for line in self._ask("ip-address", uuid).splitlines() if line.strip())

    def _ask(self, *words: str, deadline_s: float | None = None) -> str:
        deadline_s = deadline_s or ANSWER_S
        argv = [str(self.program), *words]
        try:
            said = transcribe(argv, purpose=f"utmctl {words[0]}", deadline_s=deadline_s)
        except ToolMissing as error:
            raise UtmNotFound(
                f"{self.program} cannot be run: {error.message}", fix="install UTM again"
            ) from error
        if said.ending != "ended":
            raise ControlTimeout(
                f"utmctl {words[0]} did not answer within {deadline_s:g} s", fix=f"{_ON_SCREEN}; or {_ALLOW}",
                timeout_s=deadline_s,
            )  # fmt: skip
        complaint = _complaint(said)
        if complaint:
            fix = _ALLOW if _NOT_ALLOWED in complaint else _ON_SCREEN
            raise UtmRefused(
                f"utmctl {' '.join(words)} failed: {complaint}", fix=fix, argv=argv, status=said.status,
                stderr=said.stderr.decode(errors="replace"),
            )  # fmt: skip
        return said.stdout.decode(errors="replace")


def _complaint(said: Transcript) -> str:
    """What went wrong; '' when nothing did. A failed event is told on stderr, with an exit status of 0."""
    text = said.stderr.decode(errors="replace")
    if match := _ERROR.search(text):
        return match[1].strip() or text.strip()
    return said.last_error or f"it ended with status {said.status}" if said.status else ""


def find_app(named: Path | None = None) -> Path:
    """The UTM.app to use: as named, else this user's; raises UtmNotFound."""
    apps = [named] if named else utm.apps()
    for app in apps:
        if (app / "Contents").is_dir():
            return app
    place = f"{named} is no application" if named else "UTM is not installed for this user"
    raise UtmNotFound(place, fix="install it from https://mac.getutm.app, or name it with --app UTM.app")
