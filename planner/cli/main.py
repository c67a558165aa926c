"""The `planner` command: every subcommand under its name.

Nothing heavy is imported here, so that help and completion answer at once; each command is imported
when it is asked for, and imports what it needs when it runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from planner import __version__
from planner.cli.commands import Commands
from planner.cli.group import PlannerGroup
from planner.cli.output import show, write_error
from planner.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from typer._click.core import Command

COMMANDS = Commands(
    {
        "plan": "plan:plan",
        "check": "check:check",
        "compare": "compare:compare",
        "explain": "explain:explain",
        "diff": "diff:diff",
        "replan": "replan:replan",
        "simulate": "simulate:simulate",
        "spares": "spares:spares",
        "search": "search:search",
        "export": "export:export",
        "import-placement": "import_placement:import_placement",
        "presets": "presets:presets",
        "schema": "schema:schema",
        "topology": "topologies:app",
    }
)


class AllCommands(PlannerGroup):
    """The group of all commands."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        # Nothing is ever added.
        self.commands = cast("MutableMapping[str, Command]", COMMANDS)


def _version(wanted: bool) -> None:
    if wanted:
        show(f"planner {__version__}")
        raise typer.Exit


app = typer.Typer(
    name="planner",
    cls=AllCommands,
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def planner(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001  # its callback acts on it
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Plan where each rank of a training job runs on a GPU cluster, with a proven bound.

    Exit codes: 0 done, 1 differences or a failed check, 2 usage, 3 bad input, 4 proven infeasible,
    5 nothing found within the limits, 6 internal error, 130 interrupted.
    """
    if context.invoked_subcommand is None:
        write_error(context.get_help())
        raise typer.Exit(UsageError.exit_code)
