"""The `planner` command: every subcommand under its name.

Nothing heavy is imported here, so that help and completion answer at once; each command imports
what it needs when it runs.
"""

from __future__ import annotations

from typing import Annotated

import typer

from planner import __version__
from planner.cli import (
    check,
    compare,
    diff,
    explain,
    export,
    import_placement,
    plan,
    presets,
    replan,
    schema,
    search,
    simulate,
    spares,
    topology,
    topology_export,
    topology_import,
)
from planner.cli.group import PlannerGroup
from planner.cli.output import show, write_error
from planner.errors import UsageError


def _version(wanted: bool) -> None:
    if wanted:
        show(f"planner {__version__}")
        raise typer.Exit


app = typer.Typer(
    name="planner",
    cls=PlannerGroup,
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
topologies = typer.Typer(rich_markup_mode=None)


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


app.command("plan")(plan.plan)
app.command("check")(check.check)
app.command("compare")(compare.compare)
app.command("explain")(explain.explain)
app.command("diff")(diff.diff)
app.command("replan")(replan.replan)
app.command("simulate")(simulate.simulate)
app.command("spares")(spares.spares)
app.command("search")(search.search)
app.command("export")(export.export)
app.command("import-placement")(import_placement.import_placement)
app.command("presets")(presets.presets)
app.command("schema")(schema.schema)
topologies.command("show")(topology.show_topology)
topologies.command("validate")(topology.validate_topology)
topologies.command("diff")(topology.diff_topology)
topologies.command("import")(topology_import.import_topology)
topologies.command("export")(topology_export.export_topology)
app.add_typer(
    topologies,
    name="topology",
    help="Look at a topology file, list its mistakes; import, compare or export one.",
)
