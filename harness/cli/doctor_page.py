"""The doctor's findings as a page for people: 80 columns, colours on a terminal only."""

from __future__ import annotations

import io
import re
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.cli.doctor_gpu import gpu_rows
from harness.cli.doctor_verdict import verdict
from harness.counted import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_WIDTH = 80
_SOURCE = re.compile(r"^\S+: (?:\S+:\d+: )+")
"""What a program puts before its words: its name, and the line of its source."""
_ABILITIES = {
    "virtio_gpu_gl": "virtio-gpu-gl",
    "venus": "venus",
    "spice": "spice",
    "dbus_display": "dbus display",
    "vhost_user_vsock": "vhost-user-vsock",
}
_MACHINES = ("virt", "q35", "pc", "microvm")
"""Worth naming among the hundred types that a QEMU has."""


def show(found: Mapping[str, Any], console: Console | None = None) -> None:
    """Print what :func:`harness.cli.doctor.examine` found."""
    if console is None and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a path may hold what the terminal cannot show
    out = console or Console(highlight=False, emoji=False, markup=False)
    out.width = min(out.width, _WIDTH)
    if works := list(verdict(found)):
        _section(out, "What works here", _rows(works))
    _section(out, "Host", _lines([*_host(found["host"]), ("noise", _causes(found["noise"]))]))
    _section(out, "QEMU", _qemus(found["qemus"], found["rejected"]))
    _section(out, "Backends", _backends(found["backends"]))
    show_gpus(found["gpu"], out)
    if found["noise"]:
        _section(
            out,
            "For quieter timings",
            _rows((one["code"], f"{one['text']} {one['step']}") for one in found["noise"]),
        )


def show_gpus(found: Mapping[str, Any], out: Console) -> None:
    """The section of what renders here, on the host and for its guests."""
    _section(out, "GPUs", _gpus(found))


def _section(out: Console, title: str, body: Table) -> None:
    out.print(Text(title, style="bold"))
    out.print(Padding(body, (0, 0, 1, 2), expand=False))


def _table(*, one_line: bool = False) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=one_line, overflow="ellipsis" if one_line else "fold")
    return table


def _lines(pairs: Iterable[tuple[str, str]]) -> Table:
    """A line for each pair: what is longer than the page is cut, and `--json` has it whole."""
    return _rows(pairs, one_line=True)


def _rows(pairs: Iterable[tuple[str, str]], *, one_line: bool = False) -> Table:
    table = _table(one_line=one_line)
    for name, text in pairs:
        table.add_row(Text(name, style="cyan"), Text(text))
    return table


def _host(host: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    yield "system", f"{host['os_name']} {host['os_version']}, {host['arch']}, kernel {host['kernel']}"
    if host["hardware_model"]:
        yield "hardware", host["hardware_model"]
    yield "CPU", host["cpu_model"]
    yield "cores", _cores(host)
    free, swapped = host["memory_available_mib"], host["swap_used_mib"]
    yield "memory", f"{host['memory_mib']} MiB, {free} MiB available, {swapped} MiB swapped out"
    yield "load", " ".join(f"{value:.2f}" for value in host["load"]) + "  (1, 5, 15 minutes)"
    yield "power", _power(host)
    yield (
        "heat",
        {None: "not told", "": "not throttled"}.get(host["throttled"]) or f"throttled {host['throttled']}",
    )
    yield "runs in", ", ".join(_surroundings(host)) or "bare metal"
    yield "fingerprint", host["fingerprint"]


def _causes(noise: Iterable[Mapping[str, str]]) -> str:
    return ", ".join(one["code"] for one in noise) or "nothing"


def _cores(host: Mapping[str, Any]) -> str:
    text = (
        f"{host['physical_cores']} physical, {host['logical_cores']} logical, {host['usable_cores']} usable"
    )
    if host["performance_cores"] is not None:
        text += f" ({host['performance_cores']} performance, {host['efficiency_cores']} efficiency)"
    return text


def _power(host: Mapping[str, Any]) -> str:
    told = (
        {True: "battery", False: "mains"}.get(host["on_battery"]),
        f"governor {host['governor']}" if host["governor"] else None,
        f"mode {host['power_mode']}" if host["power_mode"] else None,
        {True: "turbo on", False: "turbo off"}.get(host["turbo"]),
    )
    return ", ".join(text for text in told if text) or "not told"


def _surroundings(host: Mapping[str, Any]) -> Iterable[str]:
    if host["virtualised"]:
        yield f"a virtual machine ({host['virtualised']})"
    if host["container"]:
        yield f"a container ({host['container']})"


def _qemus(qemus: list[dict[str, Any]], rejected: list[dict[str, Any]]) -> Table:
    table = _table()
    for qemu in qemus:
        verdict = Text("too old", style="red") if qemu["too_old"] else Text(qemu["version"], style="green")
        features = qemu["features"]
        named = [name for name in _MACHINES if name in features["machines"]]
        text = Text(f"{qemu['path']} ({qemu['arch']}, from {qemu['source']})\n{qemu['version_text']}\n")
        text.append(
            f"{counted(len(features['machines']), 'machine type')}: {', '.join(named)}; "
            f"{', '.join(features['accelerators'])}\n"
        )
        text.append_text(Text(", ").join(_ability(features, key) for key in _ABILITIES))
        table.add_row(verdict, text)
    for one in rejected:
        table.add_row(
            Text("rejected", style="red"), Text(f"{one['path']} {one['reason']}; {one['fix']}".rstrip("; "))
        )
    if not qemus and not rejected:
        table.add_row(Text("none", style="red"), Text("run `visorbench setup`, or name one with --qemu PATH"))
    return table


def _ability(features: Mapping[str, Any], key: str) -> Text:
    return (
        Text(_ABILITIES[key], style="green") if features[key] else Text(f"no {_ABILITIES[key]}", style="dim")
    )


def _backends(backends: list[dict[str, Any]]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    elsewhere = [one for one in backends if one["code"] == "wrong-os"]
    for alike, archs in _alike(one for one in backends if one not in elsewhere):
        name, usable, code, reason, fix = alike
        word = Text("usable", style="green") if usable else Text(code, style="red")
        own = _SOURCE.sub("", reason)
        what = Text(", ".join(archs) + (f": {own}" if own else ""))
        if own != reason:  # a program's words, of any length: `--json` has the whole of them
            what.no_wrap, what.overflow = True, "ellipsis"
        table.add_row(Text(name, style="cyan"), word, Group(what, Text(fix, style="dim")) if fix else what)
    if elsewhere:
        names = ", ".join(dict.fromkeys(one["backend"] for one in elsewhere))
        reasons = "; ".join(dict.fromkeys(one["reason"] for one in elsewhere))
        table.add_row(Text(names, style="dim"), Text("wrong-os", style="dim"), Text(reasons, style="dim"))
    return table


def _gpus(found: Mapping[str, Any]) -> Table:
    table = _table()
    for name, text in gpu_rows(found):
        table.add_row(name, text)
    return table


def _alike(backends: Iterable[dict[str, Any]]) -> Iterable[tuple[tuple[str, bool, str, str, str], list[str]]]:
    """Verdicts that differ only in the architecture share a row."""
    groups: dict[tuple[str, bool, str, str, str], list[str]] = {}
    for one in backends:
        key = (one["backend"], one["usable"], one["code"], one["reason"], one["fix"])
        groups.setdefault(key, []).append(one["arch"])
    return groups.items()
