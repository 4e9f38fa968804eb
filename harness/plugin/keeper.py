"""Keeps what scenarios said: takes records out of test reports, and makes the run of them when the session ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from harness.plugin.record import apply

if TYPE_CHECKING:
    from harness.plugin.session import Session


class Keeper:
    """The part of the plugin that lives in the main process only (with pytest-xdist: in the controller)."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.published: int | None = None
        """Exit code of writing the report; None: there was nothing to write."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Learn the name that pytest-xdist gave to this run."""
        self.session.parallel_run = node.workerinput["testrunuid"]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record what the report carries."""
        for record in getattr(report, "visorbench", ()):
            apply(self.session.recorder, record)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Write the report of whatever was recorded; after Ctrl-C only keep the records."""
        if self.session.run_started:
            from harness.plugin.publish import publish  # noqa: PLC0415 - only when there is something

            interrupted = exitstatus == pytest.ExitCode.INTERRUPTED
            self.published = publish(self.session, render=not interrupted)
