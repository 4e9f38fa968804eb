"""A real guest's memory: given back through its balloon, and by itself once it is free; a balloon without a driver."""

import pytest

from harness.errors import ControlRefused, ControlTimeout, InvalidConfiguration, MeasurementError
from harness.guests.model import Arch
from harness.machines.free_pages import await_return, fill, free, held_bytes
from harness.machines.model import MachineSpec, Phase

MIB = 1 << 20
PATIENCE_S = 300


@pytest.mark.guest_boot
def test_memory_comes_back_through_the_balloon_and_by_itself(tcg, reference):
    """One boot for all of it."""
    spec = MachineSpec(reference("memory", Arch.X86_64), memory_mib=384, extra={"balloon": "reporting"})
    with tcg.machine(spec) as machine:
        machine.boot(timeout_s=PATIENCE_S)
        with pytest.raises(ControlTimeout, match="was to have 256 MiB, and after 0 s has 384 MiB"):
            machine.balloon.resize(256 * MIB, timeout_s=0)
        with pytest.raises(ControlTimeout, match="has told nothing"):
            machine.balloon.statistics(timeout_s=0)
        machine.ssh.run("modprobe virtio_balloon")

        whole = machine.balloon.statistics(timeout_s=PATIENCE_S)["total-memory"]
        assert machine.balloon.resize(256 * MIB, timeout_s=PATIENCE_S) > 0
        assert machine.balloon.guest_bytes == 256 * MIB
        assert int(machine.ssh.run("grep MemTotal /proc/meminfo").text().split()[1]) << 10 < whole
        machine.balloon.resize(384 * MIB, timeout_s=PATIENCE_S)

        before = held_bytes(machine)
        fill(machine, 64)
        held = held_bytes(machine)
        assert held > before
        free(machine)
        assert await_return(machine, 40 * MIB, held=held, timeout_s=PATIENCE_S) > 0
        with pytest.raises(MeasurementError, match="gave back"):
            await_return(machine, 1024 * MIB, held=held, timeout_s=0)


@pytest.mark.guest_boot
def test_a_machine_without_a_balloon_says_so(sector):
    with sector() as machine:
        machine.boot(until=Phase.FIRST_CONSOLE, timeout_s=PATIENCE_S)
        with pytest.raises(ControlRefused, match="balloon"):
            _ = machine.balloon.guest_bytes


def test_a_mode_that_is_none(sector):
    with pytest.raises(InvalidConfiguration, match="it can be off, on, reporting"):
        sector(extra={"balloon": "big"})
