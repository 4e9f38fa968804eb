"""Keeps what scenarios said: takes records out of test reports, and makes the run of them when the session ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from harness.counted import counted
from harness.errors import RunNotStored, ScenarioUnreadable, VisorbenchError
from harness.plugin.keep import keep
from harness.plugin.keys import is_scenario

if TYPE_CHECKING:
    from pathlib import Path
    from typing import NoReturn

    from harness.plugin.session import Session


class Keeper:
    """The part of the plugin that lives in the main process only (with pytest-xdist: in the controller)."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.page: Path | None = None
        """The report, once it is written."""
        self._run: set[str] = set()
        """Node ids of what was run to its end."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Learn the name that pytest-xdist gave to this run."""
        self.session.parallel_run = node.workerinput["testrunuid"]

    @pytest.hookimpl(tryfirst=True)
    def pytest_collectreport(self) -> None:
        """What keeps every scenario from being measured ends the session once: pytest takes it for an error of the
        file that it was collecting, and goes on to the next. A file that cannot be read leaves the others to be."""
        if self.session.gave_up and not isinstance(self.session.gave_up, ScenarioUnreadable):
            give_up(self.session, self.session.gave_up)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record what the report carries; what can be kept nowhere ends the session at once."""
        try:
            for record in getattr(report, "visorbench", ()):
                self.session.record(record)
        except VisorbenchError as error:
            give_up(self.session, error)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self) -> None:
        """A run that had to leave its folder begins no further scenario; it is whole where none was to come."""
        if self.session.gave_up:
            give_up(self.session, self.session.gave_up)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Know which scenarios were run."""
        self._run.add(nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Make the report of whatever was recorded; after Ctrl-C only keep the records."""
        self.session.gather_workers()
        if not self.session.run_started or exitstatus == pytest.ExitCode.INTERRUPTED:
            return
        from harness.report.child import render  # noqa: PLC0415 - only when there is something

        recorder = self.session.recorder
        try:
            if self.session.cut_short:
                self._leave_unfinished(session)
            else:
                keep(self.session, lambda recorder: recorder.end())
            self.page = render(
                recorder.folder, store=self.session.config.store, on_stderr=self.session.on_stderr
            )
        except RunNotStored as error:
            self.page = recorder.folder / "index.html"
            self.session.gave_up = error
        except VisorbenchError as error:
            self.session.gave_up = error
        if self.session.gave_up:
            session.exitstatus = self.session.gave_up.exit_code

    def _leave_unfinished(self, session: pytest.Session) -> None:
        """Mark the run as Ctrl-C would, and say in it what ended it."""
        if error := self.session.gave_up:
            scenarios = [item.nodeid for item in session.items if is_scenario(item)]
            missing = len(set(scenarios) - self._run)
            told = (
                f" Not run to the end: {missing} of {counted(len(scenarios), 'scenario')}." if missing else ""
            )
            text = f"This run ended early: {error.message}.{told}"
            keep(self.session, lambda recorder: recorder.notice(text))
        keep(self.session, lambda recorder: recorder.close())

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Under plain pytest, say where the report is, or why there is none."""
        if self.session.gave_up:
            terminalreporter.write_line(f"visorbench: {self.session.gave_up}", red=True)
        elif self.page:
            terminalreporter.write_line(f"visorbench: {self.page}")


def give_up(session: Session, error: VisorbenchError) -> NoReturn:
    """End the session with one sentence and the error's own exit code."""
    session.gave_up = error
    pytest.exit(str(error), returncode=error.exit_code)
