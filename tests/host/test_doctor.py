"""`visorbench doctor` and `visorbench setup` as a user runs them: in a process of their own."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import psutil
import pytest
from rich.console import Console

from harness.cli.doctor_gpu import gpu_rows
from harness.cli.doctor_page import show
from harness.cli.doctor_verdict import verdict
from harness.host.accelerators import ACCELERATORS
from harness.host.facts import HostFacts
from harness.host.introspection import QemuFeatures

needs_qemu = pytest.mark.skipif(
    not (shutil.which("qemu-system-x86_64") and shutil.which("qemu-system-aarch64")),
    reason="no QEMU for both architectures on PATH",
)
no_other_qemu = pytest.mark.skipif(
    any(
        any(Path(folder).glob(name))
        for folder in ("/opt/homebrew/bin", "/usr/local/bin", "/usr/libexec")
        for name in ("qemu-system-x86_64", "qemu-system-aarch64", "qemu-kvm")
    )
    or Path("/Applications/UTM.app").exists(),
    reason="this host has QEMUs outside PATH too",
)
BACKEND_KEYS = {"backend", "arch", "usable", "version", "code", "reason", "fix", "seconds"}
QEMU_KEYS = {"path", "arch", "version", "version_text", "source", "too_old", "features"}


@pytest.fixture
def visorbench(tmp_path: Path) -> Any:
    """Runs the command line; keywords are environment variables."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        own = {f"VISORBENCH_{name}_DIR": str(tmp_path / name.lower()) for name in ("CACHE", "DATA")}
        kept = {key: value for key, value in os.environ.items() if not key.startswith("VISORBENCH_")}
        argv = [sys.executable, "-c", "from harness.cli.main import main; main()", *arguments]
        return subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
            cwd=tmp_path, env={**kept, "COLUMNS": "200", **own, **environment},
        )  # fmt: skip

    return run


@needs_qemu
@pytest.mark.guest_boot
def test_the_document_has_its_documented_shape(visorbench: Any) -> None:
    done = visorbench("doctor", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found) == {"host", "noise", "qemus", "rejected", "backends", "gpu"}
    assert set(found["host"]) == {field.name for field in fields(HostFacts)} | {"fingerprint"}
    assert all(set(one) == {"code", "text", "step"} for one in found["noise"])
    assert all(set(one) == QEMU_KEYS for one in found["qemus"])
    assert all(
        set(one["features"]) == {field.name for field in fields(QemuFeatures)} for one in found["qemus"]
    )
    assert {one["arch"] for one in found["qemus"]} == {"arm64", "x86-64"}
    assert all(set(one) == BACKEND_KEYS for one in found["backends"])
    assert {one["backend"] for one in found["backends"]} == {"native", "vz", "krun", *ACCELERATORS}
    assert all(one["usable"] or (one["reason"] and one["fix"]) for one in found["backends"])
    assert [one["usable"] for one in found["backends"] if one["backend"] in ("native", "tcg")] == [True] * 3
    assert set(found["gpu"]) == {"render_nodes", "adapters", "qemus"}
    assert {one["code"] for one in found["gpu"]["adapters"]} == {"not-asked"}  # in an empty cache
    gpus = found["gpu"]["qemus"]
    assert {(one["path"], one["mode"]) for one in gpus} == {
        (one["path"], mode) for one in found["qemus"] for mode in ("2d", "virgl", "venus")
    }
    assert all(one["usable"] or (one["code"] != "usable" and one["reason"] and one["fix"]) for one in gpus)
    assert all(one["usable"] for one in gpus if one["mode"] == "2d")


def test_qemus_of_a_folder_that_can_do_the_same_share_a_row() -> None:
    verdict = {"usable": True, "display": "", "code": "usable", "reason": "", "fix": ""}
    lacking = {**verdict, "usable": False, "code": "no-venus", "fix": "get another"}
    found = [
        {"path": f"/opt/{name}", "arch": "", "mode": mode}
        | (verdict if mode != "venus" else {**lacking, "reason": f"/opt/{name} does not know venus"})
        for name in ("qemu-a", "qemu-b")
        for mode in ("2d", "virgl", "venus")
    ]
    rows = [
        (name.plain, text.plain)
        for name, text in gpu_rows({"render_nodes": ["/dev/dri/r"], "adapters": [], "qemus": found})
    ]
    assert rows[-1] == (
        "virgl",
        "/opt/qemu-a, qemu-b\n2d, virgl, no venus\nit does not know venus\nget another",
    )


@needs_qemu
@pytest.mark.guest_boot
def test_the_page_is_plain_text_of_80_columns_in_a_pipe(visorbench: Any, tmp_path: Path) -> None:
    folder = tmp_path / "[bold]ü" / ("long" * 20)
    folder.mkdir(parents=True)
    (folder / "qemu-system-x86_64").symlink_to(str(shutil.which("qemu-system-x86_64")))
    done = visorbench("doctor", "--qemu", str(folder), PYTHONIOENCODING="utf-8")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "[bold]ü" in done.stdout.replace("\n", "")
    for heading in ("Host", "QEMU", "Backends"):
        assert f"{heading}\n" in done.stdout


@pytest.mark.parametrize("codes", [(), ("load", "few-cores")])
def test_the_host_is_ten_lines_and_the_advice_comes_last(codes: tuple[str, ...]) -> None:
    facts = HostFacts(
        os_name="Red Hat Enterprise Linux", os_version="9.4", kernel="5.14.0-427.13.1.el9_4.x86_64.with.a.tail",
        arch="x86-64", cpu_model="A CPU of many words " * 6, physical_cores=2, logical_cores=4, usable_cores=4,
        performance_cores=2, efficiency_cores=2, memory_mib=16000, memory_available_mib=9000, swap_used_mib=0,
        load=(3.5, 0.5, 0.5), governor="powersave", on_battery=True, throttled="", virtualised="KVM",
        container="docker",
    )  # fmt: skip
    noise = [{"code": code, "text": f"Much {code} here.", "step": f"Less {code}."} for code in codes]
    host = {**asdict(facts), "fingerprint": "0123456789abcdef"}
    stream = io.StringIO()
    show(
        {
            "host": host,
            "noise": noise,
            "qemus": [],
            "rejected": [],
            "backends": [],
            "gpu": {"render_nodes": [], "adapters": [], "qemus": []},
        },
        Console(file=stream, width=120, highlight=False, emoji=False, markup=False),
    )
    lines = [line.rstrip() for line in stream.getvalue().splitlines()]
    section = lines[lines.index("Host") + 1 : lines.index("")]
    assert len(section) == 10
    assert section[-1].split() == ["noise", *(", ".join(codes) or "nothing").split()]
    assert max(map(len, lines)) <= 80
    assert ("For quieter timings" in lines) == bool(codes)
    if codes:
        last = lines[lines.index("For quieter timings") :]
        assert "Backends" not in last
        assert "  load       Much load here. Less load." in last


@pytest.mark.parametrize(
    ("text", "environment", "said"),
    [
        ("profil = 'quick'", {}, "unknown key 'profil'"),
        ("backends = 'tcg'", {}, "must be a list"),
        ("", {"VISORBENCH_PROFIL": "quick"}, "did you mean 'VISORBENCH_PROFILE'"),
    ],
)
def test_a_mistake_in_the_configuration_is_exit_2(
    text: str, environment: dict[str, str], said: str, visorbench: Any, tmp_path: Path
) -> None:
    (tmp_path / "visorbench.toml").write_text(text)
    done = visorbench("doctor", **environment)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""


@needs_qemu
def test_an_ascii_terminal_gets_a_page_too(visorbench: Any, tmp_path: Path) -> None:
    (folder := tmp_path / "größe").mkdir()
    (folder / "qemu-system-aarch64").symlink_to(str(shutil.which("qemu-system-aarch64")))
    done = visorbench("doctor", "--qemu", str(folder), PYTHONIOENCODING="ascii", LC_ALL="C")
    assert done.returncode == 0, done.stderr
    assert r"gr\xf6\xdfe" in done.stdout.replace("\n", "").replace(" ", "")


@needs_qemu
@pytest.mark.guest_boot
def test_the_answer_comes_in_15_s_even_where_an_accelerator_hangs(visorbench: Any, tmp_path: Path) -> None:
    """QEMUs that answer every question and then run nothing."""
    pids = tmp_path / "pids"
    for name in ("qemu-system-x86_64", "qemu-system-aarch64"):
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        hang = f'echo $$ >> "{pids}"; sleep 1000'
        path.write_text(f'#!/bin/sh\ncase "$*" in *-bios*) {hang};; esac\nexec {shutil.which(name)} "$@"\n')
        path.chmod(0o755)
    started = time.monotonic()
    done = visorbench("doctor", "--json", "--qemu", str(path.parent))
    assert time.monotonic() - started < 15
    assert done.returncode == 3
    tcg = [one for one in json.loads(done.stdout)["backends"] if one["backend"] == "tcg"]
    assert [one["code"] for one in tcg] == ["hangs", "hangs"]
    assert [pid for pid in map(int, pids.read_text().split()) if psutil.pid_exists(pid)] == []


@needs_qemu
@pytest.mark.guest_boot
def test_the_answer_comes_in_15_s_even_where_twelve_qemus_and_an_accelerator_hang(
    visorbench: Any, tmp_path: Path
) -> None:
    """The twelve that PATH has first hang on QMP; the one after them answers, and then runs nothing."""
    body = 'test "$1" = --version || exec sleep 1000\necho QEMU emulator version 9.0.0'
    real = shutil.which("qemu-system-x86_64")
    last = f'case "$*" in *-bios*) exec sleep 1000;; esac\nexec {real} "$@"'
    folders = []
    for number, text in enumerate([body] * 12 + [last]):
        path = tmp_path / f"bin{number}" / "qemu-system-x86_64"
        path.parent.mkdir()
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        folders.append(str(path.parent))
    started = time.monotonic()
    done = visorbench("doctor", "--json", PATH=":".join([*folders, os.environ["PATH"]]))
    assert time.monotonic() - started < 15
    found = json.loads(done.stdout)
    assert sum("did not answer QMP" in one["reason"] for one in found["rejected"]) == 12
    assert folders[-1] in [str(Path(one["path"]).parent) for one in found["qemus"]]
    assert {"tcg": "hangs"}.items() <= {
        one["backend"]: one["code"] for one in found["backends"] if one["arch"] == "x86-64"
    }.items()


@no_other_qemu
@pytest.mark.parametrize("command", ["doctor", "setup"])
def test_without_any_qemu(command: str, visorbench: Any, tmp_path: Path) -> None:
    done = visorbench(command, PATH=str(tmp_path), VISORBENCH_NO_INSTALL="1")
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    assert "QEMU for arm64" in done.stdout or "no QEMU for arm64" in " ".join(done.stdout.split())


@needs_qemu
def test_a_qemu_that_is_none_is_one_sentence_and_exit_3(visorbench: Any) -> None:
    done = visorbench("doctor", "--qemu", "/bin/sh")
    assert done.returncode == 3
    assert "/bin/sh is not QEMU" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


ASSERTION = (
    f"qemu-system-x86_64: ../../target/i386/kvm/kvm.c:3183: kvm_buf_set_msrs: Assertion `{'x' * 200}' failed."
)


def _backend(
    backend: str, arch: str, code: str = "usable", reason: str = "", fix: str = ""
) -> dict[str, Any]:
    return {
        "backend": backend,
        "arch": arch,
        "usable": code == "usable",
        "code": code,
        "reason": reason,
        "fix": fix,
    }


def _strange_machine() -> list[dict[str, Any]]:
    refused = _backend("kvm", "x86-64", "refused", ASSERTION, "run elsewhere, or use the backend tcg")
    return [
        _backend("native", "x86-64"),
        _backend("tcg", "x86-64"),
        _backend("tcg", "arm64", "no-qemu", "no QEMU for arm64 guests", "run `visorbench setup`"),
        refused,
        _backend("kvm", "arm64", "wrong-arch", "its own architecture only", "run on arm64"),
        _backend("vz", "arm64", "wrong-os", "vz exists on macOS only", "run on a Mac"),
    ]


def test_the_verdict_comes_first_and_names_the_step_that_changes_it() -> None:
    gpu = {"mode": "venus", "usable": False, "fix": "use a QEMU that has it"}
    found = {"backends": _strange_machine(), "gpu": {"qemus": [gpu]}}
    assert dict(verdict(found)) == {
        "arm64 guests": "do not run: run `visorbench setup`",
        "x86-64 guests": "run on tcg, emulated; for kvm (refused), run elsewhere",
        "their GPU": "draws in software only; use a QEMU that has it",
    }
    works = {
        "backends": [_backend("kvm", "x86-64"), _backend("tcg", "x86-64")],
        "gpu": {"qemus": [{**gpu, "usable": True}]},
    }
    assert dict(verdict(works)) == {
        "x86-64 guests": "run on kvm",
        "their GPU": "draws with Vulkan (venus) of the host",
    }


def test_a_programs_words_are_one_line_of_the_page() -> None:
    told = {"cpu_model": "a CPU", "load": (0, 0, 0), "fingerprint": "f"}
    host = dict.fromkeys(HostFacts.__dataclass_fields__) | told
    gpu = {"render_nodes": [], "adapters": [], "qemus": []}
    stream = io.StringIO()
    show(
        {"host": host, "noise": [], "qemus": [], "rejected": [], "backends": _strange_machine(), "gpu": gpu},
        Console(file=stream, width=80, highlight=False, emoji=False, markup=False),
    )
    lines = [line.rstrip() for line in stream.getvalue().splitlines()]
    assert lines[0] == "What works here"
    (at,) = (number for number, line in enumerate(lines) if "Assertion" in line)
    assert lines[at].lstrip().startswith("kvm")
    assert "x86-64: kvm_buf_set_msrs: Assertion" in lines[at]
    assert lines[at].endswith("…")
    assert "run elsewhere" in lines[at + 1]


@needs_qemu
def test_a_variable_that_names_none_is_named(visorbench: Any) -> None:
    done = visorbench("doctor", VISORBENCH_QEMU="/bin/sh")
    assert done.returncode == 3
    assert "/bin/sh (from VISORBENCH_QEMU) is not QEMU" in done.stderr
