"""What ``bench --list`` shows: pytest's own list of what there is, or nothing of a session that gave up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from harness.errors import VisorbenchError
    from harness.plugin.session import Session


class Listing:
    """A pytest plugin that leaves it to its caller to say why a session gave up."""

    def __init__(self) -> None:
        self._config: pytest.Config
        self.session: Session | None = None

    @property
    def gave_up(self) -> VisorbenchError | None:
        """Why there is no list."""
        return self.session.gave_up if self.session else None

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Learn which session is to be watched; there is none where the configuration makes no sense."""
        from harness.plugin.keys import SESSION  # noqa: PLC0415 - pytest is to import its plugin itself

        self._config = config
        self.session = config.stash.get(SESSION, None)

    def pytest_keyboard_interrupt(self) -> None:
        """Silence pytest's reporter about what the caller will say."""
        if self.gave_up:
            self._config.pluginmanager.unregister(name="terminalreporter")
