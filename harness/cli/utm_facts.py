"""What ``visorbench utm`` tells of a machine: as JSON, and as lines for people.

``list --json`` is a list of :func:`row`; ``show --json`` is :func:`facts`: a row with ``configuration``,
``additional_arguments``, and, while it runs, ``running`` (pid, argv, qmp), ``differences`` and ``ignored``.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from harness.errors import InvalidConfiguration, UtmPackageUnusable
from harness.utm.comparison import differences, ignored
from harness.utm.configuration import configuration
from harness.utm.monitor import argument, qmp_address
from harness.utm.running import running

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.utm.configuration import Configuration
    from harness.utm.registry import Registered
    from harness.utm.running import Running

_ARCHS = {"aarch64": "arm64", "x86_64": "x86-64"}


def row(machine: Registered) -> dict[str, Any]:
    """One machine of the list; never raises for what is wrong with one."""
    problem, fix, summary = (
        machine.problem,
        machine.fix if machine.problem else "",
        "its configuration is not there",
    )
    if not problem:
        try:
            summary = _summary(configuration(machine))
        except UtmPackageUnusable as error:
            problem, fix, summary = error.message, error.fix or "", "its configuration cannot be read"
    state = "running" if running(machine.uuid) else "suspended" if machine.suspended else "stopped"
    return {
        "uuid": machine.uuid, "name": machine.name, "state": state, "summary": summary, "problem": problem, "fix": fix,
        "package": str(machine.package), "place": machine.place.value, "path": str(machine.recorded_path),
    }  # fmt: skip


def facts(machine: Registered, app: Path | None) -> dict[str, Any]:
    """Everything about one machine; raises UtmPackageUnusable."""
    config = configuration(machine)
    told = row(machine) | {
        "configuration": config.model_dump(mode="json"),
        "additional_arguments": list(config.qemu.words),
        "frame_export": _frame_export(config, app),
    }
    qemu = running(machine.uuid)
    if qemu is None:
        return told | {"running": None, "differences": [], "ignored": []}
    return told | {
        "running": {"pid": qemu.pid, "options": [str(each) for each in qemu.options], "qmp": _qmp(qemu)},
        "differences": [asdict(one) for one in differences(config, qemu)],
        "ignored": [asdict(one) for one in ignored(config, qemu)],
    }


def lines(told: Mapping[str, Any]) -> Iterator[str]:
    """:func:`facts` for people."""
    yield f"{told['name']}  {told['uuid']}"
    yield f"  configured   {told['summary']}"
    yield f"  package      {told['package']} (by {told['place']})"
    if told["path"] != told["package"]:
        yield f"               its path in the registry, {told['path']}, does not count"
    if told["additional_arguments"]:
        yield f"  arguments    {' '.join(told['additional_arguments'])}"
    yield f"  frame export {told['frame_export']}"
    qemu = told["running"]
    if qemu is None:
        yield f"  {told['state']}"
        return
    yield f"  running      pid {qemu['pid']}, {len(qemu['options'])} options"
    for one in told["differences"]:
        yield f"  differs      {one['what']}: configured {one['configured']}, running {one['running']}"
    for one in told["ignored"]:
        yield f"  ignored      {one['argument']}: {one['why']}\n               {one['fix']}"
    if not told["differences"] and not told["ignored"]:
        yield "               as configured"
    yield f"  QMP          {qemu['qmp'] or 'none that others may use; add the argument'}"
    if not qemu["qmp"]:
        yield f"               {argument(told['uuid'])}"
    yield from _subject(told)


def _summary(config: Configuration) -> str:
    system = config.system
    parts = [
        config.backend, config.accelerator, system.architecture, system.target,
        f"{system.cpus} CPUs" if system.cpus else "", f"{system.memory_mib} MiB",
        ", ".join(display.hardware for display in config.displays),
    ]  # fmt: skip
    return ", ".join(part for part in parts if part)


def _qmp(qemu: Running) -> str:
    try:
        return str(qmp_address(qemu) or "")
    except InvalidConfiguration as error:
        return f"none: {error.message}"


def _frame_export(config: Configuration, app: Path | None) -> str:
    from harness.errors import UtmNotFound  # noqa: PLC0415 - beside its only use
    from harness.utm.installation import frame_export  # noqa: PLC0415

    try:
        return frame_export(config.system.architecture, app) if config.backend == "QEMU" else "no QEMU"
    except (UtmNotFound, UtmPackageUnusable) as error:
        return f"unknown: {error.message}"


def _subject(told: Mapping[str, Any]) -> Iterator[str]:
    arch = _ARCHS.get(told["configuration"]["system"]["architecture"])
    if arch is None:
        return
    yield "\nTo measure it, in visorbench.toml (a user with an ed25519 key in the guest):\n"
    yield f'[[subjects]]\nbackend = "attached"\narch = "{arch}"\nlabel = {_toml(told["name"])}'
    yield f'[subjects.attach]\nutm = "{told["uuid"]}"\nssh = "USER"\nssh_key = "~/.ssh/id_ed25519"'


def _toml(text: str) -> str:
    import json  # noqa: PLC0415 - a TOML basic string is a JSON string

    return json.dumps(text, ensure_ascii=False)
