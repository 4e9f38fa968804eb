"""The doctor's first lines: what works on this host, and the one step that would change the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.host.emulation import beside_tcg

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_NOT_HERE = ("wrong-os", "wrong-arch")
"""Codes of what no step on this host would change."""
_MODES = {"venus": "Vulkan (venus)", "virgl": "OpenGL (virgl)"}


def verdict(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Of what :func:`harness.cli.doctor.examine` found: (what, a sentence), the guests of each architecture first."""
    guests = [one for one in found["backends"] if one["backend"] != "native"]
    for arch in sorted({one["arch"] for one in guests}):
        yield f"{arch} guests", _guests([one for one in guests if one["arch"] == arch])
    if found["gpu"]["qemus"]:
        yield "their GPU", _gpu(found["gpu"]["qemus"])


def _guests(backends: Sequence[Mapping[str, Any]]) -> str:
    fast = [one["backend"] for one in backends if one["usable"] and one["backend"] != "tcg"]
    if fast:
        return f"run on {' and '.join(fast)}"
    lacking = [one for one in backends if not one["usable"] and one["code"] not in _NOT_HERE]
    if not any(one["usable"] for one in backends):
        return f"do not run: {lacking[0]['fix']}" if lacking else "do not run"
    steps = [
        f"for {one['backend']} ({one['code']}), {beside_tcg(one['fix'])}"
        for one in lacking
        if one["backend"] != "tcg"
    ]
    return "; ".join(["run on tcg, emulated", *steps])


def _gpu(qemus: Sequence[Mapping[str, Any]]) -> str:
    usable = {one["mode"] for one in qemus if one["usable"]}
    if able := [words for mode, words in _MODES.items() if mode in usable]:
        return f"draws with {' and '.join(able)} of the host"
    step = next((one["fix"] for one in qemus if one["mode"] in _MODES and one["fix"]), "")
    return "; ".join(filter(None, ["draws in software only", step]))
