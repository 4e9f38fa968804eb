"""The command ``visorbench``: every subcommand is a file of this folder, imported when it is called."""

from __future__ import annotations

import errno
import importlib
import json
import sys
from typing import Any

import click

from harness import __version__
from harness.errors import NO_SPACE, OutputRefused, UnknownName, VisorbenchError
from harness.host.standard_output import forget_stdout, stdout_takes_more

COMMANDS: dict[str, tuple[str, str]] = {
    "ab": ("harness.cli.ab:ab", "Measure two subjects in turns, and say what changed."),
    "app": ("harness.cli.app:app", "Measure desktop applications: first window, memory, CPU while idle."),
    "baseline": ("harness.cli.baseline:baseline", "Name runs that others are compared with."),
    "bench": ("harness.cli.bench:bench", "Measure every usable backend against native and write a report."),
    "boot": ("harness.cli.boot:boot", "Boot any kernel or disk and show its phases."),
    "compare": ("harness.cli.compare:compare", "Compare two runs, metric by metric."),
    "doctor": (
        "harness.cli.doctor:doctor",
        "Explain this host: what it can run, and what would fix the rest.",
    ),
    "export": ("harness.cli.exchange:export", "Write a run in the format of another program."),
    "frames": ("harness.cli.frames:frames", "Serve a guest's display as H.264, record it, or watch it."),
    "gpu": ("harness.cli.gpu:gpu", "Draw with every route to a GPU, on the host and in a guest."),
    "gate": ("harness.cli.gate:gate", "Fail when a run is slower than its baseline; calibrate on this host."),
    "guests": ("harness.cli.guests:guests", "List, build, show or clean the reference guests."),
    "history": ("harness.cli.history:history", "Show how a metric went over the runs, and where it changed."),
    "import": ("harness.cli.exchange:import_", "Put the runs of other machines into the store."),
    "kernel": (
        "harness.cli.kernel:kernel",
        "Unpack a kernel until a VMM takes it; take one out of a disk image.",
    ),
    "publish": ("harness.cli.publish:publish", "Write a site of every run, or add to it what is new."),
    "ps": ("harness.cli.processes:ps", "List the processes the harness owns."),
    "reap": ("harness.cli.processes:reap", "End what a crashed harness left behind."),
    "soak": ("harness.cli.soak:soak", "Let machines live at random for hours; look for failures and leaks."),
    "report": ("harness.cli.report:report", "Write or open the report of a run."),
    "runs": ("harness.cli.report:runs", "List the runs in the store."),
    "runtime": (
        "harness.cli.runtime:runtime",
        "List, install, remove or use QEMUs that the harness brings along.",
    ),
    "setup": ("harness.cli.setup:setup", "Install the system packages the harness needs."),
    "utm": ("harness.cli.utm:utm", "List, examine, start and stop the machines of UTM on this Mac."),
    "snapshot": (
        "harness.cli.snapshot:snapshot",
        "Keep, load, list and delete snapshots of a running machine.",
    ),
    "store": ("harness.cli.store:store", "Show the results store; deliver the runs that it could not take."),
}
"""Command → (where it is, its line in ``--help``), so that ``--help`` imports none of them."""


INTERRUPTED = 130
"""Exit code after SIGINT, SIGTERM or SIGHUP, whichever: that of Ctrl-C, which shells and CI servers know."""


class LazyGroup(click.Group):
    """A group that knows its commands' names and lines without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Every command, in the order of the alphabet."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return one command; None when there is no such name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """As click's, but an unknown command names the nearest one."""
        name = click.utils.make_str(args[0])
        if name not in COMMANDS and not name.startswith("-"):
            raise UnknownName("command", name, COMMANDS)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The table of commands, from COMMANDS alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in sorted(COMMANDS)])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="visorbench")
def cli() -> None:
    """Boot reference guests on every hypervisor this machine offers and measure what each costs.

    Exit codes: 0 fine, 1 something failed or regressed, 2 usage, 3 the host lacks something,
    4 nothing was measured, 130 interrupted by Ctrl-C or a signal that ends processes.
    """
    from harness.host.processes import install_endings  # noqa: PLC0415 - not for --help

    install_endings()


def main(argv: list[str] | None = None) -> None:
    """Run the command line; a foreseen failure is one sentence on stderr and its own exit code."""
    try:
        code = cli.main(args=argv, standalone_mode=False)
        click.echo(nl=False)  # what a library left unflushed
    except VisorbenchError as error:
        if isinstance(error, OutputRefused):
            forget_stdout()
        _complain(error.message, error.fix)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        _complain("interrupted", None)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        if error.errno not in {*NO_SPACE, errno.EIO} or stdout_takes_more():
            raise
        forget_stdout()
        refused = OutputRefused.because(error)
        _complain(refused.message, refused.fix)
        sys.exit(refused.exit_code)
    sys.exit(code if isinstance(code, int) else 0)


def print_json(value: object) -> None:
    """One JSON document on stdout, for ``--json``."""
    click.echo(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False))


def _complain(message: str, fix: str | None) -> None:
    click.echo(f"visorbench: {message}", err=True)
    if fix:
        click.echo(f"  {fix}", err=True)
