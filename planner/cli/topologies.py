"""`planner topology`: the group of commands for topology files."""

from __future__ import annotations

import typer

from planner.cli import topology, topology_export, topology_import

app = typer.Typer(
    name="topology",
    help="Look at a topology file, list its mistakes; import, compare or export one.",
    add_completion=False,
    rich_markup_mode=None,
)
app.command("show")(topology.show_topology)
app.command("validate")(topology.validate_topology)
app.command("diff")(topology.diff_topology)
app.command("import")(topology_import.import_topology)
app.command("export")(topology_export.export_topology)
