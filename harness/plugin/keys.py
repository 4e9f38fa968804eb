"""Where the plugin keeps its things in pytest's stashes, and what a scenario is called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from harness.plugin.record import Record
    from harness.plugin.session import Session
    from harness.plugin.subjects import Subject
    from harness.plugin.turn import Turn

SESSION: pytest.StashKey[Session] = pytest.StashKey()
"""In the config's stash: this process's session."""

LOCK_HELD: pytest.StashKey[bool] = pytest.StashKey()
"""In the config's stash: this process holds the host-wide measuring lock from first to last scenario."""

RECORDS: pytest.StashKey[list[Record]] = pytest.StashKey()
"""In an item's stash, in a pytest-xdist worker: what the controller is to record."""

TURN: pytest.StashKey[Turn] = pytest.StashKey()
"""In an item's stash, where two subjects are measured in turns: which turn it is."""


def scenario_name(item: pytest.Item) -> str:
    """The scenario: the name of its file without ``test_``."""
    return item.path.stem.removeprefix("test_")


def is_scenario(item: pytest.Item) -> bool:
    """Whether the item measures or drives a subject; the harness's own tests do not."""
    from harness.plugin.subjects import Subject  # noqa: PLC0415 - keeps `pytest --help` light

    params = getattr(getattr(item, "callspec", None), "params", {})
    return isinstance(params.get("subject"), Subject)  # there may be none to repeat it for


def subject_of(item: pytest.Item) -> Subject:
    """The subject that a scenario is repeated for; see :func:`is_scenario`."""
    callspec: Any = getattr(item, "callspec", None)
    found: Subject = callspec.params["subject"]
    return found


def log_folder(item: pytest.Item) -> Path:
    """Where the item's machines leave their consoles and logs; each turn has a folder of its own."""
    folder = item.config.stash[SESSION].logs / scenario_name(item) / item.name
    turn = item.stash.get(TURN, None)
    return folder / f"turn-{turn.number + 1:03}" if turn else folder
