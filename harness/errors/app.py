"""A desktop application did not show a window."""

from __future__ import annotations

from harness.errors.base import VisorbenchError


class AppError(VisorbenchError):
    """A desktop application, or the display that it was to be seen on, failed."""


class WindowError(AppError):
    """The display could not be started, or does not let us look at its windows."""


class AppEnded(AppError):
    """An application ended before it showed a window; facts: argv, status."""


class NoWindow(AppError):
    """An application showed no window in time; facts: argv."""
