"""What a bench shows while it runs: what is running, how far it is, and how long the rest will take.

On a terminal one line is redrawn twice a second, seldom enough not to disturb what is measured; elsewhere every
scenario is a line of its own. The estimate comes from how long the same scenarios took last time.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from harness.errors import ScenarioUnreadable
from harness.host.paths import cache_dir
from harness.plugin.keys import SESSION

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rich.console import Console

    from harness.plugin.session import Session

UNKNOWN_SECONDS = 20.0
"""A scenario's part of the bar where it was never run here; of what is left, nothing is said then."""


SILENCE_S = 60
"""Where there is no terminal, a scenario that has rounds left says so after this."""


class Durations:
    """How long scenarios took last time, for each profile: seconds by test id, in the cache."""

    def __init__(self, profile: str, file: Path | None = None) -> None:
        self._file = file or cache_dir() / "durations.json"
        self._profile = profile
        self._all = self._read()
        self._known: dict[str, float] = self._all.setdefault(profile, {})

    def of(self, test: str) -> float | None:
        """Seconds that ``test`` is expected to take; None where it was never run here."""
        return self._known.get(test)

    def learn(self, test: str, seconds: float) -> None:
        """Remember how long ``test`` took."""
        self._known[test] = round(seconds, 1)

    def save(self) -> None:
        """Keep them for the next bench; a cache that cannot be written costs only the estimate."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            fresh = self._file.with_suffix(".tmp")
            fresh.write_text(json.dumps(self._all), encoding="utf-8")
            fresh.replace(self._file)
        except OSError:
            pass

    def _read(self) -> dict[str, dict[str, float]]:
        """What the file says, as far as it makes sense."""
        try:
            read = json.loads(self._file.read_text(encoding="utf-8"))
            return {
                profile: {test: float(seconds) for test, seconds in known.items()}
                for profile, known in read.items()
            }
        except (OSError, ValueError, TypeError, AttributeError):
            return {}


class Progress:
    """A pytest plugin, and the session's watcher, that shows a bench instead of pytest's own output."""

    def __init__(self, console: Console) -> None:
        self.session: Session | None = None
        self._console = console
        self._expected: dict[str, float] = {}
        self._unknown: set[str] = set()
        """What is still to run and was never run here."""
        self._durations: Durations | None = None
        self._current = ""
        self._current_started = 0.0
        self._finished_s = 0.0
        self._done = 0
        self._failed: list[str] = []
        self._bar: Any = None
        self._task: Any = None
        self._started = self._said_at = time.monotonic()

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Take the place of pytest's own reporter."""
        self.session = config.stash.get(SESSION, None)
        if self.session is None:
            return
        self.session.watcher = self
        self.session.lock_wait_s = 0
        self.session.on_stderr = self._console.stderr
        self._durations = Durations(self.session.config.profile)
        reporter = config.pluginmanager.getplugin("terminalreporter")
        config.pluginmanager.unregister(reporter)
        if self._console.is_terminal:
            self._bar = _bar(self._console, self._remaining)
            self._task = self._bar.add_task("starting", total=None)
            self._bar.start()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that Python cannot read ends the bench, and its author sees where."""
        if report.failed and self.session and self.session.gave_up is None:
            self._print(report.longreprtext, soft_wrap=True)
            said = [line[1:].strip() for line in report.longreprtext.splitlines() if line.startswith("E ")]
            self.session.gave_up = ScenarioUnreadable(
                f"scenario {report.nodeid} cannot be read: {said[-1] if said else 'see above'}",
                fix="correct it; nothing was measured",
            )

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Now it is known what there is to do."""
        assert self._durations is not None
        known = {item.nodeid: self._durations.of(item.nodeid) for item in session.items}
        self._expected = {test: UNKNOWN_SECONDS if s is None else s for test, s in known.items()}
        self._unknown = {test for test, seconds in known.items() if seconds is None}
        if self._bar:
            self._bar.update(self._task, total=sum(self._expected.values()) or 1)
        if self.session and self.session.left_out and session.items:
            left_out = " and ".join(self.session.left_out)
            self._console.print(
                f"the profile {self.session.config.profile} leaves out {left_out}", soft_wrap=True
            )

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """A scenario begins."""
        self._current, self._current_started = nodeid, time.monotonic()
        self.step(_title(nodeid))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Say what failed as soon as it fails."""
        if report.failed:
            self._failed.append(report.nodeid)
            lines = str(getattr(report.longrepr, "reprcrash", report.longrepr)).splitlines()
            said = _cause(report) or (lines[-1] if lines else "")
            self._print(f"failed {_title(report.nodeid)}: {said}", style="red")

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """A scenario has ended."""
        assert self._durations is not None
        took = time.monotonic() - self._current_started
        self._durations.learn(
            nodeid, took if nodeid == self._current else 0
        )  # 0: it ran in turns with another
        self._finished_s += self._expected.get(nodeid, 0)
        self._unknown.discard(nodeid)
        self._done += 1
        self._current = ""
        if self._bar:
            self._bar.update(self._task, completed=self._finished_s)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Clear the line before the table is printed."""
        if self._bar:
            self._bar.stop()
        if self._durations and self._done:
            self._durations.save()

    def step(self, text: str) -> None:
        """Show what is being done now."""
        count = f"{min(self._done + 1, len(self._expected))}/{len(self._expected)} " if self._current else ""
        if self._bar:
            self._bar.update(self._task, description=f"{count}{text}")
        else:
            self._said_at = time.monotonic()
            left = f" ({self._remaining()})" if self._remaining() else ""
            self._print(f"[{_clock(time.monotonic() - self._started)}] {count}{text}{left}")

    def rounds(self, done: int, total: int) -> None:
        """Show how far the running scenario is."""
        if self._bar:
            description = f"{self._done + 1}/{len(self._expected)} {_title(self._current)}, {done}/{total}"
            expected = self._expected.get(self._current, 0)
            self._bar.update(
                self._task,
                description=description,
                completed=self._finished_s + expected * done / max(total, 1),
            )
        elif time.monotonic() - self._said_at > SILENCE_S:
            self.step(f"{_title(self._current)}, {done}/{total}")

    def transfer(self, what: str, done: int, total: int) -> None:
        """Show how far a download is; only where a line can be redrawn."""
        if self._bar and total:
            self._bar.update(self._task, description=f"{what}, {100 * done // total} %")

    def _print(self, text: str, **options: Any) -> None:
        """Where standard output takes no more, a bench goes on measuring: its table will say so."""
        try:
            self._console.print(text, markup=False, highlight=False, **options)
        except OSError:
            self._console.quiet = True

    def _remaining(self) -> str:
        """How long the rest will take, in words; nothing where nobody knows."""
        if not self._expected or self._unknown:
            return ""
        spent = time.monotonic() - self._current_started if self._current else 0.0
        current = self._expected.get(self._current, 0.0)
        left_s = max(0.0, sum(self._expected.values()) - self._finished_s - min(spent, current))
        return f"about {_clock(left_s)} left"


def _bar(console: Console, remaining: Callable[[], str]) -> Any:
    from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415
    from rich.progress import Progress as Bar  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    class Remaining(ProgressColumn):
        """How long the rest will take, from last time."""

        def render(self, task: Any) -> Text:
            return Text(remaining() if task.total else "")

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        Remaining(),
    )
    return Bar(*columns, console=console, refresh_per_second=2, transient=True)


def _title(nodeid: str) -> str:
    """ "boot: machine types [tcg-arm64]" of scenarios/test_boot.py::test_machine_types[tcg-arm64]."""
    path, _, rest = nodeid.partition("::")
    scenario = path.rpartition("/")[2].removeprefix("test_").removesuffix(".py")
    function, bracket, parameters = rest.partition("[")
    words = function.removeprefix("test_").replace("_", " ")
    name = scenario if words == scenario else f"{scenario}: {words}"
    return f"{name} [{parameters}" if bracket else name


def _cause(report: pytest.TestReport) -> str:
    """The message of the recorded failure, where there is one."""
    records = getattr(report, "visorbench", ())
    return next((record["message"].splitlines()[0] for record in records if record["say"] == "fail"), "")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"
