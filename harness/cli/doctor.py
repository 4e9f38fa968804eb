"""``visorbench doctor``: what this host is, which QEMUs it has, and which backends run a guest.

The document of ``--json``::

    {"host":     {every field of harness.host.facts.HostFacts, "fingerprint"},
     "noise":    [{"code", "text", "step"}],
     "qemus":    [{"path", "arch", "version": "7.2.22", "version_text", "source", "too_old", "features": {…}}],
     "rejected": [{"path", "source", "reason", "fix", "version"}],
     "backends": [{"backend", "arch", "usable", "version", "code", "reason", "fix", "seconds"}],
     "gpu":      {"render_nodes", "adapters": [{"api", "code", "adapters": […], …}], "qemus": [{"path", "mode", …}]}}

``features`` has the fields of harness.host.introspection.QemuFeatures; ``code`` is one of those of
harness.host.accelerators.Proof or harness.machines.vz.backend. ``seconds`` is how long the proof took; ``native`` needs
none. What ``gpu`` has, harness.cli.doctor_gpu says of QEMUs and harness.cli.doctor_adapters of the host's own adapters.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from harness.cli.main import print_json

if TYPE_CHECKING:
    from pathlib import Path

    from harness.host.qemu import QemuBinary, RejectedQemu


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.option(
    "--qemu", metavar="PATH", type=click.Path(), help="A QEMU binary, or a folder of them, to look at first."
)
@click.option(
    "--runtime",
    metavar="system|managed|PATH",
    help="Look first at the QEMU of this runtime, if it is installed.",
)
def doctor(*, as_json: bool, qemu: str | None, runtime: str | None) -> int:
    """Explain this host: what it is, what it can run, and what would fix the rest.

    Every backend is proved by running a guest for a moment. Exit 0 when one can run a guest, 3 when none can,
    2 for a mistake in visorbench.toml or VISORBENCH_*.
    """
    from harness.config.load import load  # noqa: PLC0415 - pydantic
    from harness.runtimes.catalogue import installed  # noqa: PLC0415
    from harness.runtimes.choice import qemu_folder  # noqa: PLC0415

    config = load(options={"qemu": qemu, "runtime": runtime})
    # The variable is left to the search, which then names it as where a QEMU came from.
    named = config.qemu if qemu or not os.environ.get("VISORBENCH_QEMU") else None
    examination = examine(qemu_folder(config.runtime, qemu=named, provide=installed))
    if as_json:
        print_json(examination)
    else:
        from harness.cli.doctor_page import show  # noqa: PLC0415 - rich is slow to import

        show(examination)
    return 0 if any(one["usable"] for one in examination["backends"] if one["backend"] != "native") else 3


def examine(explicit: Path | str | None = None) -> dict[str, Any]:
    """The document described above; raises QemuNotFound when ``explicit`` is no QEMU."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - keeps `visorbench --help` fast

    from harness.cli.doctor_gpu import examine_gpus  # noqa: PLC0415
    from harness.host.accelerators import prove_all  # noqa: PLC0415
    from harness.host.facts import collect, fingerprint  # noqa: PLC0415
    from harness.host.noise import noise  # noqa: PLC0415
    from harness.host.qemu import survey  # noqa: PLC0415

    facts = collect()  # first: later the proofs are the load
    qemus, rejected = survey(explicit)
    versions = {qemu.arch: _version(qemu) for qemu in reversed(qemus)}
    with ThreadPoolExecutor(2) as beside:  # while some proofs wait for an accelerator that hangs
        gpus = beside.submit(examine_gpus, qemus)
        others = beside.submit(_of_macs)
        proofs = [
            {"backend": proof.accelerator, "version": versions.get(proof.arch, "")}
            | {key: value for key, value in asdict(proof).items() if key != "accelerator"}
            for proof in prove_all(qemus)
        ]
    return {
        "host": {**asdict(facts), "fingerprint": fingerprint(facts)},
        "noise": [asdict(one) for one in noise(facts)],
        "qemus": [_qemu(qemu) for qemu in qemus],
        "rejected": [_rejected(one) for one in rejected],
        "backends": [_native(facts.arch), *proofs, *others.result()],
        "gpu": gpus.result(),
    }


def _native(arch: str) -> dict[str, Any]:
    usable = {"usable": True, "code": "usable", "reason": "", "fix": "", "seconds": 0.0}
    return {"backend": "native", "arch": arch, "version": "", **usable}


def _of_macs() -> list[dict[str, Any]]:
    """Virtualization.framework and libkrun, proved as the others are."""
    import time  # noqa: PLC0415

    from harness.guests.model import Arch  # noqa: PLC0415
    from harness.machines.catalogue import KRUN, VZ, get  # noqa: PLC0415

    rows = []
    for backend in (VZ, KRUN):
        for arch in Arch:
            began = time.monotonic()
            found = asdict(get(backend).probe(arch))
            del found["build"]  # of QEMU alone, whose proofs say nothing of it
            rows.append(found | {"seconds": time.monotonic() - began})
    return rows


def _qemu(qemu: QemuBinary) -> dict[str, Any]:
    return asdict(qemu) | {"path": str(qemu.path), "version": _version(qemu), "too_old": qemu.too_old}


def _rejected(one: RejectedQemu) -> dict[str, Any]:
    return asdict(one) | {"path": str(one.path)}


def _version(qemu: QemuBinary) -> str:
    return ".".join(map(str, qemu.version))
