"""Records that the folder of the reports takes no more: the run goes on in the data directory, and is the last one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import DiskFull, ReportsUnwritable, VisorbenchError
from harness.host.paths import data_dir

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.plugin.session import Session
    from harness.results.recorder import RunRecorder


def keep(session: Session, tell: Callable[[RunRecorder], None]) -> None:
    """Tell the recorder; where its folder takes no more, that of the data directory, and the session has given up.

    Raises what the recorder does where nothing can be written there either.
    """
    recorder, elsewhere = session.recorder, data_dir() / "runs"
    try:
        tell(recorder)
    except (DiskFull, ReportsUnwritable) as error:
        before = recorder.folder
        if before.parent == elsewhere:
            raise
        try:
            recorder.move(elsewhere)
            tell(recorder)
        except VisorbenchError:
            raise error from None
        session.gave_up = type(error)(
            error.message,
            fix=f"what was measured is kept, with a report, in {recorder.folder}; `visorbench report "
            f"{recorder.folder}` writes it again; consoles and logs are in {before}",
        )
