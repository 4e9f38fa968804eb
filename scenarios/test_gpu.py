"""What draws for a guest, and how fast: every route to the host's GPU, in turns with the host itself.

Each picture is checked, and each renderer told by its name. Software in the guest is the lower control, where the
profile draws with it.
"""

from __future__ import annotations

from itertools import product

import pytest

from harness.plugin.gpu_contest import boot_guests, entrants, together


@pytest.mark.guest("gpu")
@pytest.mark.graphics
@pytest.mark.needs("ssh")
@pytest.mark.workload("gpu")
@pytest.mark.profile("gpu_rounds")
@pytest.mark.archs("gpu_archs")
def test_gpu(machine_factory, native, measure, profile):
    """The guest's routes that the profile names, beside native: frames, bandwidth, latency and cost."""
    guests = boot_guests(machine_factory, measure, profile.gpu_routes)
    drawing = entrants(native, guests, measure, machine_factory)
    with together(drawing):
        for _ in measure.rounds(profile.gpu_rounds):
            for scene, size in product(profile.gpu_scenes, profile.gpu_sizes):
                for entrant in drawing:
                    entrant.draw(scene, size, profile)
            if profile.gpu_others:
                for entrant in drawing:
                    entrant.draw_with_others()
