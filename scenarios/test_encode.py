"""From a page flip to H.264 in the guest's hands: without a copy, with pixels sent, in the guest, and natively."""

from __future__ import annotations

import pytest

from harness.plugin.display_contest import drawing_guest
from harness.plugin.encode_contest import encode_in_turns, entrants, need_encoder


@pytest.mark.guest("media")
@pytest.mark.graphics
@pytest.mark.long
@pytest.mark.needs("ssh", "vsock")
@pytest.mark.workload("pattern")
@pytest.mark.archs("gpu_archs")
def test_encode(machine_factory, measure, profile):
    """Paced at 30 and 60 frames a second and as fast as possible; every stream has every frame once and in order."""
    need_encoder()
    taking_part = entrants(measure)
    for size in profile.frame_sizes:
        with drawing_guest(machine_factory, size, vsock=True) as guest:
            encode_in_turns(guest, measure, profile, taking_part)
