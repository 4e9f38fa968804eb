"""The backend ``auto``: this platform's accelerator where it works, else ``tcg``, and a notice that says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.plugin.subjects import Subject


def automatic(subjects: Iterable[Subject]) -> tuple[list[Subject], tuple[str, ...]]:
    """The subjects with a backend's name in place of every ``auto``, each once, and a notice for each fallback.

    A backend that was asked for by its own name is never replaced.
    """
    from harness.host.emulation import beside_tcg  # noqa: PLC0415
    from harness.machines.catalogue import AUTO, accelerated, fallback  # noqa: PLC0415 - heavy

    chosen: list[Subject] = []
    notices: list[str] = []
    for subject in subjects:
        if subject.backend != AUTO:
            chosen.append(subject)
            continue
        probe = accelerated(subject.arch, qemu=Path(subject.qemu) if subject.qemu else None)
        usable = probe is not None and probe.usable
        chosen.append(replace(subject, backend=probe.backend if probe and usable else "tcg"))
        if probe is not None and not usable:
            notices.append(f"{fallback(probe)} What would change that: {beside_tcg(probe.fix).rstrip('.')}.")
    return list(dict.fromkeys(chosen)), tuple(dict.fromkeys(notices))
