"""The doctor on graphics: what renders on this host, and what each QEMU can give a guest, proved by starting it.

::

    {"render_nodes": ["/dev/dri/renderD128"],
     "adapters": what harness.cli.doctor_adapters says of the host, for each API,
     "qemus": [{"path", "arch", "mode", "usable", "display", "code", "reason", "fix"}]}

``mode`` is a harness.machines.model.GpuMode, ``code`` one of those of harness.machines.model.GpuProbe.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from harness.cli.doctor_adapters import adapter_rows, examine_adapters

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from harness.host.qemu import QemuBinary
    from harness.machines.model import GpuProbe

_AT_ONCE = 4


def examine_gpus(qemus: Sequence[QemuBinary]) -> dict[str, Any]:
    """The document described above; takes some seconds at most, however many QEMUs hang."""
    from harness.guests.model import Arch  # noqa: PLC0415 - keeps `visorbench --help` fast
    from harness.machines.model import GpuMode  # noqa: PLC0415
    from harness.machines.qemu.gpu import PROBE_DEADLINE_S, RENDER_NODES, probe  # noqa: PLC0415

    modes = [mode for mode in GpuMode if mode is not GpuMode.NONE]
    pairs = [(qemu, mode) for qemu in qemus if not qemu.too_old for mode in modes]
    with ThreadPoolExecutor(_AT_ONCE, "gpu-probe") as pool, ThreadPoolExecutor(1, "adapters") as beside:
        adapters = beside.submit(examine_adapters)
        probes = pool.map(
            lambda pair: probe(pair[1], Arch(pair[0].arch), pair[0], deadline_s=PROBE_DEADLINE_S), pairs
        )
        verdicts = [_verdict(qemu, verdict) for (qemu, _), verdict in zip(pairs, probes, strict=True)]
    nodes = sorted(map(str, RENDER_NODES.glob("renderD*")))
    return {"render_nodes": nodes, "adapters": adapters.result(), "qemus": verdicts}


def _verdict(qemu: QemuBinary, found: GpuProbe) -> dict[str, Any]:
    return {
        "path": str(qemu.path), "arch": qemu.arch, "mode": found.mode.value, "usable": found.usable,
        "display": found.display, "code": found.code, "reason": found.reason, "fix": found.fix,
    }  # fmt: skip


def gpu_rows(found: Mapping[str, Any]) -> Iterator[tuple[Text, Text]]:
    """For people: the host's render nodes and adapters, then a row for all QEMUs of a folder that can do the same."""
    if sys.platform == "linux":
        nodes = ", ".join(found["render_nodes"])
        words = nodes or "no DRM render node: it renders for guests in software"
        yield Text("host", style="cyan"), Text(words)
    yield from adapter_rows(found["adapters"])
    for (folder, modes), (names, why) in _alike(found["qemus"]).items():
        text = Text.assemble(f"{folder}/", ", ".join(names), "\n")
        for mode, usable in modes:
            text.append(mode if usable else f"no {mode}", style="green" if usable else "dim").append(", ")
        text.right_crop(2)
        for line in why:
            text.append(f"\n{line}", style="dim")
        best = next((mode for mode, usable in reversed(modes) if usable), "none")
        yield Text(best, style="green" if best not in ("none", "2d") else "red"), text


def _alike(
    verdicts: Sequence[Mapping[str, Any]],
) -> dict[tuple[Path, tuple[tuple[str, bool], ...]], tuple[list[str], list[str]]]:
    """(folder, what works) → the QEMUs there with that, and for what does not each reason's fix, once."""
    by_qemu: dict[str, list[Mapping[str, Any]]] = {}
    for one in verdicts:
        by_qemu.setdefault(one["path"], []).append(one)
    groups: dict[tuple[Path, tuple[tuple[str, bool], ...]], tuple[list[str], list[str]]] = {}
    for path, ones in by_qemu.items():
        able = tuple((one["mode"], one["usable"]) for one in ones)
        names, why = groups.setdefault((Path(path).parent, able), ([], []))
        names.append(Path(path).name)
        for one in ones:
            for line in (one["reason"].replace(f"{path} ", "it ", 1), one["fix"]):
                if line and line not in why and not one["usable"]:
                    why.append(line)
    return groups
