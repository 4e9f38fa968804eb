"""What it costs a guest, and its host, that somebody takes its frames: every way, beside nothing attached."""

from __future__ import annotations

import pytest

from harness.plugin.display_contest import drawing_guest, entrants, take_in_turns


@pytest.mark.guest("media")
@pytest.mark.graphics
@pytest.mark.long
@pytest.mark.needs("ssh")
@pytest.mark.workload("pattern")
@pytest.mark.archs("gpu_archs")
def test_display(machine_factory, measure, profile):
    """Shared memory, pixels over D-Bus, VNC, screendumps and ivshmem: frame rates, processor time and bytes copied."""
    taking_part = entrants(measure)
    for size in profile.frame_sizes:
        with drawing_guest(machine_factory, size, ivshmem=True) as guest:
            take_in_turns(guest, measure, profile, taking_part)
