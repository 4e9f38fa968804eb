"""Keeps what scenarios said: takes records out of test reports, and makes the run of them when the session ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from harness.errors import RunNotStored, ScenarioUnreadable, VisorbenchError
from harness.plugin.keep import keep

if TYPE_CHECKING:
    from pathlib import Path

    from harness.plugin.session import Session


class Keeper:
    """The part of the plugin that lives in the main process only (with pytest-xdist: in the controller)."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.page: Path | None = None
        """The report, once it is written."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Learn the name that pytest-xdist gave to this run."""
        self.session.parallel_run = node.workerinput["testrunuid"]

    @pytest.hookimpl(tryfirst=True)
    def pytest_collectreport(self) -> None:
        """What keeps every scenario from being measured ends the session once: pytest takes it for an error of the
        file that it was collecting, and goes on to the next. A file that cannot be read leaves the others to be."""
        if self.session.gave_up and not isinstance(self.session.gave_up, ScenarioUnreadable):
            pytest.exit(str(self.session.gave_up), returncode=self.session.gave_up.exit_code)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record what the report carries; a disk without room for it ends the session."""
        try:
            for record in getattr(report, "visorbench", ()):
                self.session.record(record)
        except VisorbenchError as error:
            self.session.gave_up = error
        if self.session.gave_up:
            pytest.exit(str(self.session.gave_up), returncode=self.session.gave_up.exit_code)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Make the report of whatever was recorded; after Ctrl-C only keep the records."""
        self.session.gather_workers()
        if not self.session.run_started or exitstatus == pytest.ExitCode.INTERRUPTED:
            return
        from harness.report.child import render  # noqa: PLC0415 - only when there is something

        recorder = self.session.recorder
        try:
            keep(self.session, lambda recorder: recorder.end())
            self.page = render(
                recorder.folder, store=self.session.config.store, on_stderr=self.session.on_stderr
            )
        except RunNotStored as error:
            self.page = recorder.folder / "index.html"
            self.session.gave_up = error
        except VisorbenchError as error:
            self.session.gave_up = error

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Under plain pytest, say where the report is, or why there is none."""
        if self.session.gave_up:
            terminalreporter.write_line(f"visorbench: {self.session.gave_up}", red=True)
        elif self.page:
            terminalreporter.write_line(f"visorbench: {self.page}")
