"""What ``visorbench utm doctor`` looks at, one finding each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.cli.utm_facts import row
from harness.counted import counted
from harness.errors import VisorbenchError
from harness.host import utm
from harness.utm.installation import frame_export, qemu_library
from harness.utm.registry import read
from harness.utm.running import app_runs
from harness.utm.utmctl import Utmctl, find_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TARGETS = ("aarch64", "x86_64")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that works or does not."""

    what: str
    works: bool
    text: str
    fix: str = ""


def examine(registry: Path, app: Path | None) -> list[Finding]:
    """Everything, in the order in which one depends on another; never raises for what may be wrong."""
    return [*_application(app), *_registry(registry)]


def _application(named: Path | None) -> Iterator[Finding]:
    try:
        app = find_app(named)
        control = Utmctl.of(app)
    except VisorbenchError as error:
        yield _wrong("UTM", error)
        return
    yield Finding("UTM", works=True, text=f"{app} {utm.app_version(app)}".rstrip())
    if app_runs(app):
        try:
            yield Finding("utmctl", works=True, text=f"answers: {counted(len(control.list()), 'machine')}")
        except VisorbenchError as error:
            yield _wrong("utmctl", error)
    else:
        yield Finding("utmctl", works=True, text="not asked: UTM does not run, and asking would start it")
    for target in _TARGETS:
        try:
            library = qemu_library(target, app)
            version = utm.library_version(library)
            told = f"QEMU {version or 'of unknown version'}, frame export: {frame_export(target, app)}"
            yield Finding(target, works=True, text=told)
        except VisorbenchError as error:
            yield _wrong(target, error)


def _registry(registry: Path) -> Iterator[Finding]:
    try:
        machines = read(registry)
    except VisorbenchError as error:
        yield _wrong("registry", error)
        return
    yield Finding("registry", works=True, text=f"{registry}: {counted(len(machines), 'machine')}")
    for each in map(row, machines):
        text = each["problem"] or f"{each['state']}; {each['summary']}"
        yield Finding(each["name"], works=not each["problem"], text=text, fix=each["fix"])


def _wrong(what: str, error: VisorbenchError) -> Finding:
    return Finding(what, works=False, text=error.message, fix=error.fix or "")
