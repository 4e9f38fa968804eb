"""How noisy the host is before, while and after a session measures, and how late stamps may be: told to the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.host.disturbance import Disturbance, Reading
    from harness.results.recorder import RunRecorder

AROUND_S = 0.5
"""How long the host is watched before the first scenario and after the last; the harness sleeps meanwhile."""


class NoiseMeter:
    """Made before the first scenario; nothing runs until :meth:`tell`, after the last one."""

    def __init__(self) -> None:
        from harness.host.disturbance import read, watch  # noqa: PLC0415 - psutil

        self._before: Disturbance = watch(AROUND_S)
        self._start: Reading = read()

    def tell(self, recorder: RunRecorder) -> None:
        """Say the scores to the run, as shares of the host's CPU time, and what to do about a bad one."""
        from harness.host.disturbance import advice, between, read, watch  # noqa: PLC0415 - psutil

        during = between(self._start, read())
        after = watch(AROUND_S)
        recorder.host(
            noise_before=round(self._before.score, 3),
            noise_score=round(during.score, 3),
            noise_after=round(after.score, 3),
        )
        if told := advice(during):
            recorder.notice(told)


def late_stamps() -> str:
    """What a run has to say of its times where no native thread takes them; empty where one does."""
    from harness.channels.native_stamper import why_none  # noqa: PLC0415 - builds it where it is missing

    why = why_none()
    return f"Consoles are read by Python, on a busy host up to 3 ms late: {why}." if why else ""
