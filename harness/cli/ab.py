"""``visorbench ab``: two subjects measured in turns, and what changed from one to the other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.gate import config_option, configured_rules, json_option, junit_option, markdown_option
from harness.cli.main import print_json
from harness.cli.report import find_run, reports_option, store_option
from harness.errors import NothingCompared, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.gate.model import Decision
    from harness.results.models import Run

MEASURING = {"of_a": "--a", "of_b": "--b", "expression": "-k", "backends": "--backend", "archs": "--arch"}
"""Options that say what is measured, by their names here: they say nothing of a run that is there."""


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--a", "of_a", multiple=True, metavar="KEY=VALUE", help="What A is (repeatable).")
@click.option("--b", "of_b", multiple=True, metavar="KEY=VALUE", help="What B is (repeatable).")
@click.option("--gate", "as_gate", is_flag=True, help="Exit with 1 when B is worse.")
@click.option("-k", "expression", metavar="EXPR", help="Only scenarios that match, e.g. 'boot and not cold'.")
@click.option(
    "--profile", metavar="NAME", default="gate", show_default=True, help="How many rounds, one in each turn."
)
@click.option(
    "--backend", "backends", multiple=True, metavar="NAME", help="Both on this backend (repeatable)."
)
@click.option(
    "--arch", "archs", multiple=True, metavar="ARCH", help="Both of this architecture (repeatable)."
)
@click.option(
    "--seed", type=click.IntRange(min=0), metavar="N", help="Of the order of the turns; drawn by default."
)
@click.option("--run", metavar="RUN", help="Judge an A/B that was measured before, and measure nothing.")
@click.option("--allow-incomplete", is_flag=True, help="With --gate: judge what an interrupted run measured.")
@markdown_option
@junit_option
@json_option
@config_option
@store_option
@reports_option
def ab(
    paths: tuple[Path, ...], run: str | None, as_gate: bool, as_json: bool, seed: int | None, **options: Any
) -> int:
    """Measure A and B in turns on this host, and say which metrics changed, by how much, and how sure that is.

    KEY is one of [[subjects]] in visorbench.toml: backend, arch, guest, qemu, runtime, machine_type, cpu_model,
    memory_mib, cpus, gpu, efi; what neither side says is alike. In every turn each side runs the whole scenario with
    one round, in an order that is drawn. Without --a and --b, A is measured against A: what this host alone makes
    differ.

    \b
    visorbench ab --a qemu=main/qemu-system-x86_64 --b qemu=pr/qemu-system-x86_64 --gate -k boot
    visorbench ab --a cpu_model=cortex-a72 --b cpu_model=max --arch arm64 -k compute

    PATHS are scenario files or folders, as for `bench`. Metrics are judged as `visorbench gate` judges them. Exit
    codes: 0 measured (with --gate: and B is not worse), 1 a scenario failed on a side (with --gate: or B is worse),
    2 usage, 3 the host lacks something, 4 nothing to judge.
    """
    if not as_gate and (options["markdown"] or options["junit"]):
        raise UsageError("--markdown and --junit write what a gate says", fix="say --gate as well")
    if run:
        _measure_nothing(paths, seed, options)
    code, name = (0, run) if run else _measure(paths, seed, options, on_stderr=as_json)
    found, _ = find_run(name, store=options["store"], reports=options["reports"])
    try:
        decision, unlike = _decide(found, options, as_gate=as_gate)
    except NothingCompared as error:
        if not found.failed:
            raise
        click.echo(f"nothing can be judged: {error.message}; {len(found.failed)} failed", err=True)
        return 1
    if as_json:
        print_json({**decision.to_dict(), "run": found.id, "notices": found.notices, "unlike": unlike,
                    "finished": not found.unfinished})  # fmt: skip
    else:
        notices = found.notices if run else ()  # the bench has just printed them, and what failed
        _print(decision, unlike, notices, as_gate=as_gate)
    if not as_gate:
        return code or (1 if found.failed else 0)
    from harness.cli.verdict import tell_ci  # noqa: PLC0415

    tell_ci(decision, markdown=options["markdown"], junit=options["junit"], on_stderr=as_json)
    return 1 if found.failed or not decision.passed else code


def show_sides(folder: Path, options: dict[str, Any]) -> None:
    """Print what changed from one side of a run to the other; ``options``: config, store and reports."""
    found, _ = find_run(str(folder), store=options["store"], reports=options["reports"])
    decision, unlike = _decide(found, options, as_gate=False)
    _print(decision, unlike, (), as_gate=False)


def _measure_nothing(paths: tuple[Path, ...], seed: int | None, options: dict[str, Any]) -> None:
    """Raise UsageError for what would say how to measure: the run has been."""
    given = {option: options[name] for name, option in MEASURING.items()}
    given |= {"--seed": seed is not None, "a scenario file": paths}
    said = [option for option, value in given.items() if value]
    if said:
        raise UsageError(
            f"--run judges what was measured before: {', '.join(said)} can change nothing of that",
            fix="leave that out, or leave out --run to measure",
        )


def _measure(
    paths: tuple[Path, ...], seed: int | None, options: dict[str, Any], *, on_stderr: bool
) -> tuple[int, str]:
    """The exit code of the bench, and the folder of its run."""
    import secrets  # noqa: PLC0415

    from harness.cli.bench import measure  # noqa: PLC0415 - pytest
    from harness.plugin.alternation import Alternation  # noqa: PLC0415
    from harness.plugin.sides import Sides, side  # noqa: PLC0415

    sides = Sides(side("--a", options["of_a"]), side("--b", options["of_b"]))
    alternation = Alternation(sides, secrets.randbelow(1 << 32) if seed is None else seed)
    said = {key: options[key] for key in ("profile", "backends", "archs", "config", "store", "reports")}
    code, folder = measure(
        paths, options["expression"], said, plugins=[alternation], later="ab --run {run}", on_stderr=on_stderr
    )
    if folder is None:
        raise UsageError("nothing was compared", fix="see what pytest said above")
    return code, str(folder)


def _decide(found: Run, options: dict[str, Any], *, as_gate: bool) -> tuple[Decision, list[str]]:
    """The decision with every interval, and what differs between the sides besides the numbers."""
    from harness.gate.decide import decide  # noqa: PLC0415 - numpy
    from harness.gate.likeness import check_complete, other_builds, unlike_fingerprints  # noqa: PLC0415
    from harness.gate.sides import split  # noqa: PLC0415

    before, after = split(found)
    if as_gate and not options["allow_incomplete"]:
        check_complete(found, found)
    rules = configured_rules(options["config"])
    differing = [*unlike_fingerprints(before, after), *other_builds(before, after)]
    return decide(before, after, rules, every_interval=True), differing


def _print(decision: Decision, unlike: list[str], notices: Sequence[str], *, as_gate: bool) -> None:
    from harness.cli.verdict import print_list  # noqa: PLC0415
    from harness.gate import words  # noqa: PLC0415
    from harness.report.terminal import print_judged  # noqa: PLC0415

    click.echo()
    for sentence in (*notices, *(unlike or ["A and B are alike: what differs is chance, or this host."])):
        click.echo(sentence)
    print_judged(decision.judged, sides=("A", "B", "B ÷ A"))
    click.echo()
    told = words.verdict(decision) if as_gate else words.outcome(decision)
    colour = "green" if decision.passed else "red"
    click.secho(told, fg=colour if as_gate else None, bold=True)
    print_list("regressed", map(words.sentence, decision.regressed))
    print_list("improved", map(words.sentence, decision.improved))
    print_list("failed on B and not on A", map(words.failed, decision.failed))
    print_list("measured on A only", decision.missing)
    print_list("measured on B only", decision.added)
    print_list("mind", decision.warnings)
