"""The doctor on the host's own adapters: what ``vb-gpu --list-adapters`` sees, by API, and who each of them is.

The program is asked only where it is built already: a doctor neither downloads nor compiles. ::

    [{"api": "vulkan", "code", "reason", "fix", "seconds",
      "adapters": [{"device", "driver", "driver_info", "kind", "renderer", "on_processor"}]}]

``api`` is each of the host's: ``vulkan`` and ``gles``, on macOS ``metal``. ``code`` is ``found``, ``none`` (no adapter
speaks it), ``not-asked`` (no program to ask with), ``hangs`` (no answer at the deadline) or ``failed``; for all but
``found``, ``reason`` and ``fix`` are one sentence each. ``device``, ``driver``, ``driver_info`` and ``kind`` are the
driver's own words; ``renderer`` is what harness.gpu.renderer reads out of the name, and ``on_processor`` whether a
processor draws.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from rich.text import Text

from harness.errors import CommandTimeout, VisorbenchError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from harness.gpu.report import Adapter
    from harness.machines.gpu import GpuWorkload

DEADLINE_S = 5.0
"""For every API together: they are asked side by side, so that a driver that hangs hides no other."""
_NAMES = {"vulkan": "Vulkan", "gles": "OpenGL", "metal": "Metal"}
_BUILD = "run `visorbench gpu` once, which builds it"


def examine_adapters(*, deadline_s: float = DEADLINE_S) -> list[dict[str, Any]]:
    """The list described above; raises nothing that is foreseen."""
    from harness.guests.toolchain import host_target  # noqa: PLC0415 - keeps `visorbench --help` fast
    from harness.guests.workloads import find_workload  # noqa: PLC0415
    from harness.machines.gpu import GpuWorkload  # noqa: PLC0415
    from harness.machines.native.gpu import native_routes  # noqa: PLC0415

    apis = [route.api for route in native_routes("macos" if sys.platform == "darwin" else "linux")]
    try:
        program = find_workload("gpu", host_target())
    except VisorbenchError as error:
        return [_answer(api, "not-asked", f"not asked: {error.message}", error.fix or _BUILD) for api in apis]
    if program is None:
        reason = "not asked: the program that asks, vb-gpu, is not built yet"
        return [_answer(api, "not-asked", reason, _BUILD) for api in apis]
    workload = GpuWorkload(str(program))
    with ThreadPoolExecutor(len(apis), "adapters") as pool:
        return list(pool.map(lambda api: ask(workload, api, deadline_s), apis))


def ask(workload: GpuWorkload, api: str, deadline_s: float) -> dict[str, Any]:
    """One API's entry of the list, whatever its drivers do; the program is gone afterwards."""
    from harness.machines.gpu import APIS  # noqa: PLC0415
    from harness.machines.native.runner import NativeRunner  # noqa: PLC0415

    started = time.monotonic()
    adapters: Sequence[Adapter] = ()
    code, reason, fix = "found", "", ""
    try:
        adapters = workload.adapters(NativeRunner(), api, timeout_s=deadline_s)
    except CommandTimeout:
        code = "hangs"
        reason = f"its drivers did not answer within {deadline_s:g} s"
        fix = "look into the kernel log for what the GPU's driver said"
    except VisorbenchError as error:
        code, reason, fix = (
            "failed",
            error.message,
            error.fix or "update the driver, or take out the broken one",
        )
    else:
        if not adapters:
            code, reason, fix = "none", f"no adapter speaks {_NAMES[api]} here", APIS[api]
    answer = _answer(api, code, reason, fix, [_adapter(one) for one in adapters])
    return answer | {"seconds": round(time.monotonic() - started, 3)}


def _answer(
    api: str, code: str, reason: str, fix: str, adapters: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    return {
        "api": api, "code": code, "reason": reason, "fix": fix, "seconds": 0.0, "adapters": list(adapters),
    }  # fmt: skip


def _adapter(adapter: Adapter) -> dict[str, Any]:
    from harness.gpu.renderer import classify  # noqa: PLC0415

    renderer = classify(adapter)
    return {
        "device": adapter.device, "driver": adapter.driver, "driver_info": adapter.driver_info,
        "kind": adapter.kind, "renderer": str(renderer), "on_processor": renderer.on_processor,
    }  # fmt: skip


def adapter_rows(found: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Text, Text]]:
    """For people: a row for each API, those that fail alike in one."""
    for (code, reason, fix), answers in _alike(found).items():
        names = ", ".join(_NAMES[one["api"]] for one in answers)
        if code != "found":
            colour = "dim" if code == "not-asked" else "red"
            text = Text(reason, style=colour)
            text.append(f"\n{fix}", style="dim")
            yield Text(names, style="cyan"), text
            continue
        for one in answers:
            lines = [_line(adapter) for adapter in one["adapters"]]
            yield Text(_NAMES[one["api"]], style="cyan"), Text("\n").join(lines)


def _line(adapter: Mapping[str, Any]) -> Text:
    """Two lines: its own name, then who that is."""
    where = ", on the processor" if adapter["on_processor"] else ""
    info = f"; {adapter['driver_info']}" if adapter["driver_info"] else ""
    text = Text(adapter["device"] or "it has no name", style="" if adapter["on_processor"] else "green")
    return text.append(f"\n{adapter['renderer']}{where}{info}", style="dim")


def _alike(
    found: Sequence[Mapping[str, Any]],
) -> dict[tuple[str, str, str], list[Mapping[str, Any]]]:
    groups: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for one in found:
        groups.setdefault((one["code"], one["reason"], one["fix"]), []).append(one)
    return groups
