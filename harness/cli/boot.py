"""``visorbench boot``: any guest on any backend, its console live, its phases in the margin."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.main import print_json
from harness.cli.numbers import FiniteRange
from harness.cli.outputs import check_output
from harness.errors import (
    AcceleratorUnusable,
    BootTimeout,
    InvalidConfiguration,
    MachineDied,
    UnknownName,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.cli.boot_live import Ending
    from harness.config.model import Config
    from harness.guests.model import Arch, GuestImage
    from harness.machines.model import Backend, GpuMode, Machine, MachineSpec

_path = click.Path(path_type=Path)
LOGIN = r"login:\s*$"


@click.command()
@click.argument("guest", required=False)
@click.option(
    "--backend",
    metavar="NAME",
    help="auto (the default: the fastest that works here), tcg, kvm, hvf, vz, krun, …",
)
@click.option("--arch", metavar="ARCH", help="arm64 or x86-64; default: the host's.")
@click.option("--kernel", type=_path, help="Boot this kernel …")
@click.option("--initrd", type=_path, help="… with this initial RAM disk …")
@click.option(
    "--append", metavar="TEXT", help="… and this kernel command line; by default only the console's."
)
@click.option("--disk", type=_path, help="Boot from, or give GUEST or a kernel, this qcow2 or raw image.")
@click.option(
    "--writable", is_flag=True, help="Keep what the guest writes to the disk; default: it is dropped."
)
@click.option(
    "--efi", is_flag=True, help="Boot through UEFI firmware: a disk, or any kernel from a disk made of it."
)
@click.option("--firmware", type=_path, help="Boot the disk, or with --efi anything, through this firmware.")
@click.option(
    "--memory", type=int, metavar="MIB", help="Memory in MiB; default: the guest's, 1024 for files of yours."
)
@click.option("--cpus", type=int, metavar="N", help="Virtual CPUs; default: 2, x86-64 under tcg 1.")
@click.option("--machine", "machine_type", metavar="TYPE", help="QEMU machine type; default: q35 or virt.")
@click.option(
    "--cpu", "cpu_model", metavar="MODEL", help="CPU model; default: host; under tcg cortex-a57 or max."
)
@click.option(
    "--gpu",
    metavar="MODE",
    help="Graphics of the guest: none (the default), 2d, virgl (OpenGL), venus (Vulkan).",
)
@click.option(
    "--option",
    "extra",
    multiple=True,
    metavar="KEY=VALUE",
    help="An option of the backend, e.g. network=open.",
)
@click.option(
    "--until", metavar="REGEX", help="End when a console line matches; default: when the guest is ready."
)
@click.option("--login", is_flag=True, help="End at a login prompt.")
@click.option(
    "--timeout",
    type=FiniteRange(min=0, min_open=True),
    default=120,
    show_default=True,
    metavar="S",
    help="Seconds to wait.",
)
@click.option(
    "--name",
    metavar="NAME",
    help="Call the machine that, for `visorbench snapshot`, and let it run on until it powers off or Ctrl-C.",
)
@click.option("--screenshot", type=_path, metavar="PNG", help="Save the screen as it is at the end.")
@click.option("--logs", type=_path, metavar="FOLDER", help="Keep the logs there; default: they are not kept.")
@click.option("--qemu", type=_path, help="Use this QEMU: a binary, or its folder; default: of PATH.")
@click.option("--runtime", metavar="system|managed|PATH", help="Use the QEMU of the host, or of a runtime.")
@click.option(
    "--dry-run",
    is_flag=True,
    help="Print the command line, ready for a shell, and start no machine; exit 3 when the guest is not built.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the phases, or the dry run, as JSON.")
def boot(guest: str | None, dry_run: bool, as_json: bool, **options: Any) -> int:
    """Boot GUEST, or a kernel or disk of yours, and show its console and phases.

    GUEST is a reference guest or one of visorbench.toml (default: tiny). The boot ends when the guest is
    ready, at the regex, at a login prompt, after the timeout, or with Ctrl-C; the machine is gone when the
    command returns. A timeout is an error (exit 1) only where something was waited for: a reference guest, --until,
    --login. With --name it runs on after that: until its guest powers off, or Ctrl-C.
    """
    if options["until"] and options["login"]:
        raise UsageError("--until and --login exclude each other", fix="give the one that ends the boot")

    if options["name"] and dry_run:
        raise UsageError("--name and --dry-run exclude each other", fix="a machine has a name while it runs")
    until = _regex(LOGIN if options["login"] else options["until"])
    _check_files(options)

    from harness.config.load import load  # noqa: PLC0415 - pydantic

    arch = _arch(options["arch"])
    config = load(options={"qemu": options["qemu"], "runtime": options["runtime"]})
    image = _image(guest, arch, options, config, build=not dry_run)
    options["qemu"] = _qemu(image.arch, options, config, install=not dry_run)
    backend = _backend(options["backend"], image.arch, options)
    if (options["efi"] or backend.capabilities().firmware_only) and image.kernel:
        image = _bootable_by_firmware(image, options, config, dry_run=dry_run)
    if dry_run:
        from harness.cli.boot_dry_run import show  # noqa: PLC0415

        show(backend.machine(_spec(image, backend, options)), as_json=as_json)
        return 0

    from harness.cli.automatic import check_accelerator  # noqa: PLC0415
    from harness.cli.boot_live import stay, watch  # noqa: PLC0415 - only a boot needs threads

    try:
        with _named(backend, options), backend.machine(_spec(image, backend, options)) as machine:
            ending = watch(machine, until=until, timeout_s=options["timeout"], show=not as_json)
            if options["screenshot"]:
                machine.screenshot(options["screenshot"])
            _report(machine, ending, options, as_json=as_json)
            if options["name"] and ending.why != "off":
                click.echo(f"{options['name']} runs until its guest powers off, or Ctrl-C", err=True)
                stay(machine, show=not as_json)
    except (MachineDied, BootTimeout) as error:
        check_accelerator(backend, image.arch, error)
        raise
    return 0


@contextmanager
def _named(backend: Backend, options: dict[str, Any]) -> Iterator[None]:
    """The machine to be, with its name if it is to have one, and the monitor that others find by it."""
    if not options["name"]:
        yield
        return
    from harness.host.named import naming  # noqa: PLC0415 - only for machines with a name
    from harness.host.paths import private_directory  # noqa: PLC0415

    if not backend.capabilities().snapshots:
        raise UsageError(f"{backend.name} lets no other program in", fix="leave --name out, or use QEMU")
    with private_directory() as folder, naming(options["name"], folder / "qmp"):
        options["extra"] = (*options["extra"], f"monitor={folder / 'qmp'}")
        yield


def _regex(until: str | None) -> str | None:
    """``until``, which is one; raises InvalidConfiguration."""
    import re  # noqa: PLC0415

    try:
        re.compile(until or "")
    except re.error as error:
        raise InvalidConfiguration(
            f"--until {until!r} is not a regular expression: {error}", fix="correct it"
        ) from None
    return until


def _check_files(options: dict[str, Any]) -> None:
    """Before an accelerator is proved or a guest boots; raises InvalidConfiguration, OutputUnwritable."""
    for key in ("kernel", "initrd", "disk", "firmware"):
        if options[key] and not options[key].is_file():
            raise InvalidConfiguration(f"{options[key]} is not a file", fix="correct the path")
    if options["screenshot"]:
        check_output(options["screenshot"], "the screenshot")


def _arch(name: str | None) -> Arch | None:
    from harness.guests.model import Arch  # noqa: PLC0415

    if name is not None and name not in list(Arch):
        raise UnknownName("architecture", name, [known.value for known in Arch])
    return Arch(name) if name else None


def _image(
    name: str | None, arch: Arch | None, options: dict[str, Any], config: Config, *, build: bool
) -> GuestImage:
    """What to boot: the user's own files, a guest of visorbench.toml, or a reference guest; ``build``: that one
    is built when it is not."""
    from harness.guests import catalogue  # noqa: PLC0415
    from harness.guests.model import Arch  # noqa: PLC0415
    from harness.host.system import host_arch  # noqa: PLC0415

    here = arch or (Arch(host_arch()) if host_arch() in list(Arch) else Arch.X86_64)
    if name and options["kernel"]:
        raise UsageError(f"guest {name} and --kernel", fix="boot the one or the other")
    if options["kernel"] or (options["disk"] and not name):
        files = {key: options[key] for key in ("kernel", "initrd", "disk", "firmware")}
        files["append"] = _append(options, here)
        return _own((options["kernel"] or options["disk"]).name, here, files)
    for key in ("initrd", "append", *(() if options["efi"] else ("firmware",))):
        if options[key]:
            raise UsageError(f"--{key} without a kernel or disk of yours", fix="add --kernel or --disk")
    if name in config.guests:
        own = config.guests[name]
        files = {key: getattr(own, key) for key in ("kernel", "initrd", "append", "disk", "firmware")}
        image = _own(name, own.arch, files, ready_marker=own.ready_marker, memory_mib=own.memory_mib)
    elif name is not None and name not in catalogue.known():
        raise UnknownName("guest", name, [*catalogue.known(), *config.guests])
    elif build:
        image = catalogue.ensure_built(name or "tiny", here, mirror=config.mirror)
    else:
        from harness.cli.boot_dry_run import built  # noqa: PLC0415

        image = built(name or "tiny", here)
    return _with_disk(image, options["disk"], efi=options["efi"]) if options["disk"] else image


def _with_disk(image: GuestImage, disk: Path, *, efi: bool) -> GuestImage:
    if image.disk or efi:
        raise UsageError(
            f"guest {image.name} boots from a disk, and --disk names another", fix="boot the one or the other"
        )
    return replace(image, disk=disk)


def _bootable_by_firmware(
    image: GuestImage, options: dict[str, Any], config: Config, *, dry_run: bool
) -> GuestImage:
    if dry_run:
        raise UsageError(
            f"the disk that {image.name} boots through UEFI is made for each machine, so no command line names it",
            fix="write one with `visorbench guests efi-disk`, and boot --disk FILE --efi",
        )
    from harness.cli.transfers import transfers  # noqa: PLC0415
    from harness.guests.efi_stub import with_efi_stub  # noqa: PLC0415

    with transfers() as progress:
        image = with_efi_stub(image, progress=progress, mirror=config.mirror)
    return replace(image, firmware=options["firmware"] or image.firmware)


def _append(options: dict[str, Any], arch: Arch) -> str:
    """What was given, else the serial console: without it a kernel boots in silence."""
    if options["append"] is None and options["kernel"]:
        return {"arm64": "console=ttyAMA0", "x86-64": "console=ttyS0"}[arch.value]
    return options["append"] or ""


def _own(name: str, arch: Arch, files: dict[str, Any], **more: Any) -> GuestImage:
    """As harness.guests.own.own_guest, but not hashed: nothing is measured, and a disk may have many
    gigabytes."""
    from harness.guests.model import GuestImage  # noqa: PLC0415

    silent = {"init_marker": None, "ready_port": None, "ssh_user": None, "takes_credentials": False}
    return GuestImage(
        name=name, arch=arch, **files, **({"ready_marker": None, "memory_mib": 1024} | silent | more)
    )


def _spec(image: GuestImage, backend: Backend, options: dict[str, Any]) -> MachineSpec:
    from harness.machines.model import GpuMode, MachineSpec  # noqa: PLC0415

    extra = {}
    for option in options["extra"]:
        key, equals, value = option.partition("=")
        if not equals:
            raise UsageError(f"--option {option!r} has no value", fix="write it as KEY=VALUE")
        extra[key] = value
    if options["writable"]:
        extra["writable"] = "on"
    gpu = _gpu(options["gpu"])
    if options["screenshot"] and not backend.capabilities().screenshot:
        raise UsageError(f"{backend.name} takes no screenshots", fix="leave it out, or use a backend of QEMU")
    if options["screenshot"] and "video" not in extra and gpu is GpuMode.NONE:
        from harness.machines.qemu.defaults import video  # noqa: PLC0415

        extra["video"] = video(image.arch)
    chosen = {key: options[key] for key in ("cpus", "machine_type", "cpu_model", "efi")}
    return MachineSpec(guest=image, memory_mib=options["memory"], gpu=gpu, extra=extra, **chosen)


def _gpu(name: str | None) -> GpuMode:
    from harness.machines.model import GpuMode  # noqa: PLC0415

    if name is not None and name not in list(GpuMode):
        raise UnknownName("GPU mode", name, [known.value for known in GpuMode])
    return GpuMode(name) if name else GpuMode.NONE


def _qemu(arch: Arch, options: dict[str, Any], config: Config, *, install: bool) -> Path | None:
    """What was named, or a runtime's; for a GPU that the host's QEMU has not, the managed runtime's."""
    gpu = options.get("gpu") in ("virgl", "venus")
    if config.runtime is None and not gpu:
        return config.qemu
    from harness.cli.transfers import transfers  # noqa: PLC0415 - only where something may be fetched
    from harness.runtimes.catalogue import ensure, installed  # noqa: PLC0415
    from harness.runtimes.choice import gpu_qemu_folder, qemu_folder  # noqa: PLC0415

    with transfers() as progress:
        provide = partial(ensure, progress=progress, mirror=config.mirror) if install else installed
        if gpu:
            return gpu_qemu_folder(config.runtime, arch.value, qemu=config.qemu, provide=provide)
        return qemu_folder(config.runtime, qemu=config.qemu, provide=provide)


def _backend(name: str | None, arch: Arch, options: dict[str, Any]) -> Backend:
    """The backend asked for, else the accelerator of this host when a guest runs on it, else tcg, which is said.

    Raises AcceleratorUnusable for one that no QEMU of this host could have: QEMU says "invalid accelerator" to that.
    """
    from harness.cli.automatic import backend_name  # noqa: PLC0415
    from harness.host.accelerators import ACCELERATORS, impossible_here  # noqa: PLC0415
    from harness.machines.catalogue import get  # noqa: PLC0415

    chosen = backend_name(name, arch, options["qemu"])
    if chosen in ACCELERATORS and (lack := impossible_here(chosen, arch.value)):
        raise AcceleratorUnusable(
            f"a guest for {arch} on {chosen}: {lack.reason}", fix=lack.fix, code=lack.code
        )
    return get(chosen, qemu=options["qemu"], logs=options["logs"])


def _report(machine: Machine, ending: Ending, options: dict[str, Any], *, as_json: bool) -> None:
    timeline = machine.timeline
    phases = {phase.value: round(timeline.seconds(phase), 6) for phase in timeline.phases}
    screenshot = options["screenshot"]
    if as_json:
        print_json(
            {
                "machine": machine.name,
                "guest": machine.spec.guest.name,
                "arch": machine.spec.guest.arch.value,
                "ended": ending.why,
                "line": ending.line.text if ending.line else None,
                "phases": phases,
                "screenshot": str(screenshot) if screenshot else None,
                "logs": str(options["logs"]) if options["logs"] else None,
            }
        )
        return
    click.echo(f"{machine.name}: {ending.sentence}")
    for phase, seconds in phases.items():
        click.echo(f"  {phase:<14} {seconds:8.3f} s")
    if screenshot:
        click.echo(f"  screenshot     {screenshot}")
    if not machine.console.tail(1):
        click.echo(
            "  the console said nothing: does the kernel command line name it, and is there something to boot?"
        )
