"""A decision for people and for CI servers: what ``visorbench gate`` and ``visorbench ab --gate`` print and write."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from harness.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.gate.model import Decision


def print_decision(decision: Decision) -> None:
    """The verdict in one line, then everything that it rests on."""
    from harness.gate import words  # noqa: PLC0415

    click.secho(words.verdict(decision), fg="green" if decision.passed else "red", bold=True)
    print_list("failed now", map(words.failure, decision.failed))
    print_list("regressed", map(words.sentence, decision.regressed))
    print_list("improved", map(words.sentence, decision.improved))
    print_list("not measured any more", decision.missing)
    print_list("mind", decision.warnings)


def print_list(title: str, lines: Iterable[str]) -> None:
    """A title and its lines; nothing where there are none."""
    every = list(lines)
    if every:
        click.echo(f"\n{title}:")
    for line in every:
        click.echo(f"  {line}")


def tell_ci(decision: Decision, *, markdown: Path | None, junit: Path | None, on_stderr: bool) -> None:
    """Write the files that were asked for; under GitHub Actions also the job's summary and annotations.

    ``on_stderr``: where annotations go when standard output is JSON. Raises UsageError for a file that cannot be.
    """
    from harness.gate import annotations  # noqa: PLC0415
    from harness.gate import junit as as_junit  # noqa: PLC0415
    from harness.gate import markdown as as_markdown  # noqa: PLC0415

    _write(markdown, as_markdown.render, decision)
    _write(junit, as_junit.render, decision)
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        _write(Path(summary), as_markdown.render, decision, mode="a")
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for command in annotations.commands(decision):
            click.echo(command, err=on_stderr)


def _write(path: Path | None, render: Any, decision: Decision, *, mode: Literal["w", "a"] = "w") -> None:
    if path is None:
        return
    try:
        with path.open(mode, encoding="utf-8") as stream:
            stream.write(render(decision))
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror}", fix="name a file in a folder that exists"
        ) from error
