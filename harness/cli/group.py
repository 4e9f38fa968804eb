"""A command with commands of its own."""

from __future__ import annotations

import click

_WHOLE = 1000
"""Characters: no first sentence is as long."""


class Group(click.Group):
    """One whose list of commands has their first sentences whole, where click cuts them at the line's end."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The table of commands."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, command.get_short_help_str(_WHOLE))
                    for name, command in sorted(self.commands.items())
                    if not command.hidden
                ]
            )
