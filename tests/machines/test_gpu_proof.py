"""Real GPUs of real guests: names, pictures, negative controls, and what is said when the host does not render."""

from __future__ import annotations

import threading
from contextlib import ExitStack, suppress
from dataclasses import replace

import psutil
import pytest

from harness.errors import (
    AccelerationUnproved,
    CommandTimeout,
    DeviceLost,
    GpuApiMissing,
    GpuError,
    GpuHung,
    GuestGpuMissing,
    GuestSilent,
    RenderServerMissing,
)
from harness.gpu.renderer import RendererKind, classify
from harness.guests.model import Arch, GuestImage
from harness.machines.gpu_diagnosis import check_driver
from harness.machines.gpu_guest import proved
from harness.machines.gpu_routes import GUEST_ROUTES, check_control
from harness.machines.model import GpuMode, MachineSpec
from harness.machines.qemu.backend import QemuBackend
from harness.machines.qemu.command import build
from harness.runtimes.model import Way

pytestmark = [pytest.mark.guest_boot, pytest.mark.timeout(900), pytest.mark.usefixtures("patient_gpus")]
SIZE = (320, 180)


@pytest.fixture(scope="session")
def gpu_guest(reference):
    return reference("gpu", Arch.X86_64)


@pytest.fixture
def gpus(gpu_qemu, tmp_path) -> QemuBackend:
    """tcg on a QEMU that has virgl and Venus."""
    return QemuBackend("tcg", qemu=gpu_qemu, logs=tmp_path / "logs")


@pytest.mark.parametrize(
    "mode",
    [pytest.param(mode, marks=pytest.mark.slow) if mode is GpuMode.VIRGL else mode for mode in GUEST_ROUTES],
)
def test_every_route_draws_right_pictures_under_its_own_name(gpus, gpu_guest, mode) -> None:
    """And in the end Venus's render server dies."""
    with ExitStack() as undo:
        try:
            machine, guest = draw_along_every_route(undo, gpus, gpu_guest, mode)
        except (CommandTimeout, GpuHung, GuestSilent):
            undo.close()  # once more, as the scenario does: see Entrant
            machine, guest = draw_along_every_route(undo, gpus, gpu_guest, mode)
        if mode is GpuMode.VENUS:
            a_render_server_that_dies_is_a_lost_device(machine, guest.contenders[0])


def draw_along_every_route(undo, gpus, gpu_guest, mode):
    machine = undo.enter_context(gpus.machine(MachineSpec(gpu_guest, gpu=mode)))
    machine.boot(timeout_s=300)
    guest = proved(mode, machine)
    for each in guest.contenders:
        report = each.draw("triangle", SIZE, frames=5, seconds=1, picture=True)
        renderer = classify(report.adapter)
        assert renderer.kind is each.route.proof
        assert renderer.leaves_guest == (mode is not GpuMode.TWO_D)
        assert (report.check.wrong, report.picture.width, report.picture.height) == (0, *SIZE)
        assert len(set(report.picture.rgb)) > 10
    if mode is GpuMode.VENUS:
        assert classify(guest.contenders[1].adapter).layers[:2] == (RendererKind.ZINK, RendererKind.VENUS)
        for control in (GpuMode.VIRGL, GpuMode.TWO_D):  # both asked where they must come out positive
            with pytest.raises(AccelerationUnproved, match="trust no figure"):
                check_control(each.runner.runner, each.workload, control)
    else:
        assert "Venus" not in guest.control
        assert "virgl" not in guest.control
    return machine, guest


DRAWS_S = 3
"""A renderer that has used the CPU for so long has its device, and draws."""


def renderers(machine) -> set[psutil.Process]:
    """The render server has a process for each client in the guest, and names it after that."""
    found: set[psutil.Process] = set()
    for pid in machine.pids:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            if process.name().startswith("virgl-"):
                found.add(process)
    return found


def a_render_server_that_dies_is_a_lost_device(machine, venus):
    idle = renderers(machine)
    ended = threading.Event()

    def kill_who_draws() -> None:
        while not ended.wait(0.05):
            for renderer in renderers(machine) - idle:
                with suppress(psutil.NoSuchProcess):  # it ended while we looked
                    if renderer.cpu_times().user > DRAWS_S:
                        renderer.kill()
                        return

    killer = threading.Thread(target=kill_who_draws)
    killer.start()
    try:
        with pytest.raises(GpuError) as failed:
            venus.workload.run(
                venus.runner, api="vulkan", scene="fill", size=SIZE, seconds=60, frame_deadline_s=10
            )
    finally:
        ended.set()
        killer.join()
    assert isinstance(failed.value, DeviceLost | GpuHung)
    assert failed.value.fix


@pytest.mark.slow
def test_only_the_routes_that_are_asked_for_draw(gpus, gpu_guest) -> None:
    """zink draws on Venus, which is proved for it and does not take part."""
    with gpus.machine(MachineSpec(gpu_guest, gpu=GpuMode.VENUS)) as machine:
        machine.boot(timeout_s=300)
        guest = proved(GpuMode.VENUS, machine, ["zink", "virgl"])
        assert [each.route.name for each in guest.contenders] == ["zink"]
        assert RendererKind.VENUS in classify(guest.contenders[0].adapter).layers


def test_a_render_server_that_is_not_there_is_named(gpus, gpu_guest) -> None:
    machine = gpus.machine(MachineSpec(gpu_guest, gpu=GpuMode.VENUS))
    if machine.config.binary.parent.name == Way.LOADER:
        pytest.skip("by its own loader, a runtime names its render server itself")
    environment = {**machine.config.environment, "RENDER_SERVER_EXEC_PATH": "/nowhere"}
    with type(machine)(machine.name, machine.spec, replace(machine.config, environment=environment)) as lame:
        lame.boot(timeout_s=300)
        with pytest.raises(RenderServerMissing, match=r"nothing on the host renders.*virgl-server"):
            proved(GpuMode.VENUS, lame)


@pytest.mark.parametrize(("mode", "most"), [(GpuMode.VENUS, "1,maxcpus=2"), (GpuMode.TWO_D, "1")])
def test_one_vcpu_that_shares_memory_with_a_render_server_is_translated_as_if_it_had_company(
    gpus, mode, most
) -> None:
    """Without it, one program in ten hung on a lost wake-up of Venus's ring (TCG, x86-64)."""
    guest = GuestImage("none", Arch.X86_64, ssh_user=None, takes_credentials=False)
    argv = build(gpus.machine(MachineSpec(guest, gpu=mode)).config)
    assert argv[argv.index("-smp") + 1] == most


def test_a_kernel_without_virtio_gpu_is_named(tcg, tiny) -> None:
    with tcg.machine(MachineSpec(tiny(Arch.X86_64), gpu=GpuMode.TWO_D)) as machine:
        machine.boot()
        with pytest.raises(GuestGpuMissing, match="CONFIG_DRM_VIRTIO_GPU"):
            check_driver(machine)


@pytest.mark.slow
def test_an_api_that_a_guest_does_not_have_is_missing_by_name(gpus, gpu_guest) -> None:
    with gpus.machine(MachineSpec(gpu_guest, gpu=GpuMode.VIRGL)) as machine:
        machine.boot(timeout_s=300)
        guest = proved(GpuMode.VIRGL, machine)
        one = guest.contenders[0]
        with pytest.raises(GpuApiMissing, match="metal"):
            one.workload.run(one.runner, api="metal", scene="triangle", size=SIZE, frames=1)
