"""Reference pages that are made from the code when the site is built."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

    from planner.formats.writing.options import Option

PARTS = {
    "F": "Files",
    "Y": "YAML",
    "V": "Values in authored files",
    "T": "Topologies",
    "W": "Workloads",
    "P": "Placement files",
    "S": "Solving",
    "J": "Fleets",
    "K": "What a check finds",
    "R": "Rules and assertions",
    "I": "Imports",
    "U": "Usage",
    "E": "Exports",
    "Q": "Searches for strategies",
    "X": "Internal",
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to the site."""
    for name, page in PAGES.items():
        files.append(File.generated(config, f"reference/{name}.md", content=page()))
    return files


def cli_page() -> str:
    """Every command with its arguments, options and defaults."""
    import typer
    import typer.main

    from planner.cli.main import app

    root = typer.main.get_command(app)
    introduction = "The same text as `planner COMMAND --help` prints. Each command also takes `--help`.\n"
    return "\n".join(
        ["# Commands\n", introduction, *_command(root, typer.Context(root, info_name="planner"), 2)]
    )


def _command(command: Any, context: Any, level: int) -> list[str]:
    """Sections of a command and of all beneath it."""
    usage = command.get_usage(context).removeprefix("Usage: ")
    parts = [
        f"{'#' * level} {context.command_path}\n",
        f"{inspect.cleandoc(command.help or '')}\n",
        f"```text\n{usage}\n```\n",
    ]
    records = [each.get_help_record(context) for each in command.params if each.name != "help"]
    rows = [
        (f"<code>{_escaped(names)}</code>", _escaped(meaning)) for names, meaning in filter(None, records)
    ]
    if rows:
        parts.append(_table(("argument or option", "meaning"), rows))
    for name, child in getattr(command, "commands", {}).items():
        parts += _command(child, type(context)(child, info_name=name, parent=context), level + 1)
    return parts


def _escaped(text: str) -> str:
    """Text that a table shows as it is: no links, tags, cells or emphasis in it."""
    return "".join(f"&#{ord(char)};" if char in "[]<>|_*" else char for char in text)


def errors_page() -> str:
    """Exit codes and the table of error codes."""
    from planner import errors
    from planner.codes import CODES

    classes = sorted(errors.PlannerError.__subclasses__(), key=lambda each: each.exit_code)
    exits = [("0", "done"), *((str(each.exit_code), _first_line(each)) for each in classes)]
    exits.append(("130", "interrupted; the best placement so far is still written"))
    introduction = (
        "A message bears a code that never changes its meaning, the place in the file with the line and a"
        " caret, what was expected, and what to try. Mistakes of a file are reported all at once.\n"
    )
    parts = [
        "# Errors\n",
        introduction,
        "## Exit codes\n",
        _table(("exit code", "meaning"), exits),
    ]
    for letter, title in PARTS.items():
        rows = [(f"`{code}`", meaning) for code, meaning in CODES.items() if code.startswith(letter)]
        if rows:
            parts += [f"## {title}\n", _table(("code", "meaning"), rows)]
    return "\n".join(parts)


def library_page() -> str:
    """What ships with the planner."""
    from planner.library import shipped
    from planner.topology.load import load_topology
    from planner.workload.load import load_workload

    topologies = []
    for name in shipped("topology"):
        cluster = load_topology(name)
        tiers = ", ".join(f"{tier.domains:,} {tier.name}" for tier in reversed(cluster.tiers[:-1]))
        healthy = f"{int(cluster.gpu_in_service.sum()):,} of {cluster.gpus:,}"
        topologies.append((f"`{name}`", healthy, tiers, _about("topology", name)))
    workloads = []
    for name in shipped("workload"):
        mesh = load_workload(name).mesh
        degrees = " ".join(f"{axis} {mesh.degree(axis)}" for axis in ("tp", "cp", "ep", "pp", "vp", "dp"))
        workloads.append((f"`{name}`", f"{mesh.world_size:,}", degrees, _about("workload", name)))
    parts = [
        "# What ships with the planner\n",
        "Each name below can stand wherever a file is asked for. `planner presets` prints the list.\n",
        "## Topologies\n",
        _table(("name", "GPUs in service", "domains", "about"), topologies),
        "## Workloads\n",
        _table(("name", "ranks", "parallelism", "about"), workloads),
    ]
    for kind, title in (("fleet", "Fleets"), ("model", "Models"), ("gpu", "GPUs"), ("rules", "Rules")):
        rows = [(f"`{name}`", _about(kind, name)) for name in shipped(kind)]
        parts += [f"## {title}\n", _table(("name", "about"), rows)]
    return "\n".join(parts)


def _about(kind: Any, name: str) -> str:
    from planner.report.presets import about

    return about(kind, name)


def topology_page() -> str:
    """Keys of a topology file."""
    from planner.topology.schema import Topology

    return schema_page(
        Topology,
        "Topology file",
        "How to write one is told in [Author a topology](../howto/author-a-topology.md). A row of `domains`"
        " also has one key for each tier but the last: the name, or range of names, of its domains.",
    )


def workload_page() -> str:
    """Keys of a workload file."""
    from planner.workload.schema import WorkloadFile

    return schema_page(
        WorkloadFile,
        "Workload file",
        "How to write one is told in [Describe a job](../howto/describe-a-job.md).",
    )


def rules_page() -> str:
    """Keys of a rules file."""
    from planner.testing.schema import RulesFile

    return schema_page(
        RulesFile,
        "Rules file",
        "For `planner check --rules`; see [Test placements in CI](../howto/test-in-ci.md).",
    )


def fleet_page() -> str:
    """Keys of a fleet file."""
    from planner.fleet.schema import FleetFile

    return schema_page(
        FleetFile,
        "Fleet file",
        "How to write one is told in [Plan several jobs](../howto/plan-several-jobs.md).",
    )


def placement_page() -> str:
    """Keys of a placement file."""
    from planner.placement.schema import PlacementFile

    return schema_page(
        PlacementFile,
        "Placement file",
        "One JSON document, written by `planner plan`, with every large column on a line of its own. Read it"
        " with `planner.read_placement`, or with any JSON parser: entry r of each list in `ranks` is rank r.",
    )


def imports_page() -> str:
    """Each format of `planner topology import`, and what is read of it."""
    from importlib import import_module

    from planner.formats.importers import IMPORTERS

    introduction = (
        "What `planner topology import [FORMAT] SOURCE... -o FILE` reads. Where no format is named, the"
        " first one of this page that the content looks like is taken. Several sources of one site are"
        " joined. What is odd about a source is told as a finding and never stops an import, unless"
        " `--strict` is given; what had to be assumed stands at the head of the file that is written.\n"
    )
    parts = ["# Import formats\n", introduction]
    for name, module in IMPORTERS.items():
        about = import_module(f"planner.formats.importers.{module}").__doc__
        parts += [f"## {name}\n", f"{inspect.cleandoc(about or '')}\n"]
    return "\n".join(parts)


def exports_page() -> str:
    """Each format of `planner export`, and what it can be told."""
    from planner.formats.exporters import EXPORTERS, SINGLE_FILES, exporter

    introduction = (
        "What `planner export PLACEMENT --to FORMAT -o FOLDER` writes. Each folder also holds the rank"
        " table `ranks.csv`, a README with the exact command, and `planner_verify.py`, which proves on the"
        " running job that every rank is where the plan says. Options are given as `--option name=value`;"
        " one that a format does not have, or cannot honour, is refused before anything is written.\n"
    )
    parts = ["# Export formats\n", introduction]
    for name in EXPORTERS:
        module = exporter(name)
        parts += [f"## {name}\n", f"{inspect.cleandoc(module.__doc__ or '')}\n"]
        if name in SINGLE_FILES:
            parts.append("With `-o FILE` it is that file alone.\n")
        parts += _options(module.OPTIONS)
    return "\n".join([*parts, *_topology_exports()])


def _topology_exports() -> list[str]:
    """Each format of `planner topology export`, and what it can be told."""
    from planner.formats.topology_exporters import TOPOLOGY_EXPORTERS, topology_exporter

    parts = ["## Topologies\n", "What `planner topology export TOPOLOGY --to FORMAT -o FILE` writes.\n"]
    for name in TOPOLOGY_EXPORTERS:
        module = topology_exporter(name)
        parts += [f"### {name} (topology)\n", f"{inspect.cleandoc(module.__doc__ or '')}\n"]
        parts += _options(module.OPTIONS)
    return parts


def _options(options: Sequence[Option]) -> list[str]:
    """A table of what a format can be told, where there is anything."""
    rows = [
        (f"`{each.name}`", f"`{each.default}`" if each.default else "", each.expected, f"{each.about}")
        for each in options
    ]
    return [_table(("option", "default", "value", "meaning"), rows)] if rows else []


def schema_page(model: Any, title: str, introduction: str) -> str:
    """A page for a pydantic model: a table for it and for every model inside it."""
    from planner.report.described import Described

    schema = model.model_json_schema(schema_generator=Described)
    definitions = schema.get("$defs", {})
    plain = {name: each for name, each in definitions.items() if "properties" not in each}
    parts = [f"# {title}\n", f"{introduction}\n", *_section(_inlined(schema, plain))]
    for name, inner in definitions.items():
        if name not in plain:
            parts += [f"## {name}\n", *_section(_inlined(inner, plain))]
    return "\n".join(parts)


def _inlined(node: Any, plain: dict[str, Any]) -> Any:
    """A schema in which references to definitions without keys are those definitions."""
    if isinstance(node, list):
        return [_inlined(each, plain) for each in node]
    if not isinstance(node, dict):
        return node
    name = str(node.get("$ref", "")).rpartition("/")[2]
    if name in plain:
        return plain[name] | {key: value for key, value in node.items() if key != "$ref"}
    return {key: _inlined(value, plain) for key, value in node.items()}


def _section(schema: dict[str, Any]) -> list[str]:
    # A file that includes another may leave out what the other has, hence the second list.
    required = {*schema.get("required", ()), *schema.get("anyOf", [{}])[-1].get("required", ())}
    rows = [
        (f"`{key}`", _type(value), _schema_default(key, value, required), value.get("description", ""))
        for key, value in schema.get("properties", {}).items()
    ]
    return [f"{schema.get('description', '')}\n", _table(("key", "value", "default", "meaning"), rows)]


def _schema_default(key: str, value: dict[str, Any], required: Iterable[str]) -> str:
    if key in required:
        return "required"
    default = value.get("default")
    return "" if default in (None, "") or isinstance(default, dict) else _literal(default)


def _literal(value: object) -> str:
    """A value as YAML writes it."""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _type(value: dict[str, Any]) -> str:
    """The type of a value in words, with links to the models it may be."""
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for union in ("anyOf", "oneOf"):
        if union in value:
            names = [_type(each) for each in value[union] if each.get("type") != "null"]
            return " or ".join(dict.fromkeys(names))
    if "const" in value or "enum" in value:
        return ", ".join(_literal(each) for each in value.get("enum", [value.get("const")]))
    if value.get("type") == "array":
        return f"list of {_type(value.get('items', {}))}"
    if value.get("type") == "object":
        inner = value.get("additionalProperties")
        return f"mapping to {_type(inner)}" if isinstance(inner, dict) else "mapping"
    return _scalar(value)


def _scalar(value: dict[str, Any]) -> str:
    kinds = value.get("type", "any value")
    words = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
    text = " or ".join(words.get(kind, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds))
    examples = value.get("examples")
    return f"{text}, such as `{examples[0]}`" if examples else text


def _first_line(documented: object) -> str:
    return (inspect.getdoc(documented) or "").splitlines()[0].rstrip(".")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [_row(head), "|" + "---|" * len(head), *map(_row, rows)]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


PAGES: dict[str, Callable[[], str]] = {
    "cli": cli_page,
    "errors": errors_page,
    "library": library_page,
    "import-formats": imports_page,
    "export-formats": exports_page,
    "topology-file": topology_page,
    "workload-file": workload_page,
    "rules-file": rules_page,
    "fleet-file": fleet_page,
    "placement-file": placement_page,
}
