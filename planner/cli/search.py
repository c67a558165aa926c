"""`planner search`: the best strategies for a model on a cluster."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, cast

import typer

from planner.cli.destination import require_writable
from planner.cli.interrupt import Interrupt
from planner.cli.options import JsonOption, TopologyArgument
from planner.cli.output import Unfailing, emit, show, write_error
from planner.errors import InputError, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from planner.strategy.place import Placed
    from planner.strategy.search import Answer
    from planner.topology.cluster import Cluster

PLACE_SECONDS = 5.0


def search(
    topology: TopologyArgument,
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="Model file, or the name of one that ships with the planner."),
    ],
    batch: Annotated[int, typer.Option(metavar="N", min=1, help="Samples of a step.")],
    sequence: Annotated[int, typer.Option(metavar="N", min=1, help="Tokens of a sample.")] = 8192,
    precision: Annotated[str, typer.Option(metavar="FORMAT", help="Format of the matrix products.")] = "bf16",
    given: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Fix a degree or mode, such as tp=8; repeatable."),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(metavar="AXIS=TIER", help="Hard rule for the placement, such as tp=node; repeatable."),
    ] = None,
    top: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="Strategies to list.")] = 10,
    place: Annotated[
        int, typer.Option(metavar="N", min=0, help="Of those, how many to place on the cluster.")
    ] = 1,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="WORKLOAD", help="Write the best as a workload file."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Rank every strategy that fits by the step time that is predicted for it.

    Degrees of parallelism, microbatch, schedule, recomputation and data parallelism: all are tried.
    """
    if output is not None:
        require_writable(output, inputs=(topology, model))
    from planner.report.search import search_document, search_view
    from planner.strategy.outline import Outline
    from planner.strategy.search import search as best_of
    from planner.strategy.space import PINNABLE, Question
    from planner.topology.load import load_topology
    from planner.workload.architecture import load_model
    from planner.workload.job import Precision

    if precision not in list(Precision):
        raise _unknown("precision", precision, [str(each) for each in Precision])
    cluster = load_topology(topology)
    outline = Outline.of(cluster)
    question = Question(
        load_model(model),
        batch,
        sequence,
        Precision(precision),
        outline.gpus,
        outline.levels[0].gpus if outline.levels else outline.gpus,
        tuple(_pairs(given, PINNABLE, "--set")),
    )
    with _shown_progress() as progress:
        answer = best_of(question, outline, keep=top, progress=progress)
    if not answer.best:
        raise InputError.of(
            "W050",
            f"no strategy for {question.model.name} fits {outline.gpus:,} GPUs of {outline.gpu.name}",
            expected="more GPUs, a smaller batch, or fewer things given with --set",
        )
    rules = dict(_pairs(keep, ("tp", "cp", "ep", "pp", "dp"), "--keep"))
    placed = _placed(cluster, answer, model, rules, place)
    if output is not None:
        _write(answer, model, rules, output)
    if as_json:
        emit(search_document(answer, placed))
    else:
        show(search_view(question, outline, answer, placed))


def _pairs(given: list[str] | None, names: Iterable[str], option: str) -> list[tuple[str, str]]:
    """Names and values of an option; raises UsageError for what is neither."""
    made = []
    for each in given or []:
        name, equals, value = each.partition("=")
        if not equals:
            raise UsageError.of("U001", f"{option} {each}: no value", expected=f"{option} NAME=VALUE")
        if name not in names:
            raise _unknown(option, name, list(names))
        made.append((name, value))
    return made


def _unknown(what: str, word: str, choices: list[str]) -> UsageError:
    expected = f"one of {', '.join(choices)}"
    return UsageError.of(
        "U001", f"{what}: unknown {word!r}", expected=expected, suggestion=did_you_mean(word, choices)
    )


@contextmanager
def _shown_progress() -> Iterator[Callable[[int, int, float], None] | None]:
    """A bar on a terminal: how far the search has come through the space, and the best step so far."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    console = Console(file=cast("IO[str]", Unfailing(sys.stderr)), highlight=False)
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("strategies", total=None)

        def show_it(looked: int, total: int, best_s: float) -> None:
            described = f"strategies, best {best_s:.3f} s"
            bar.update(task, completed=looked, total=total, description=described)

        yield show_it


def _placed(cluster: Cluster, answer: Answer, model: str, rules: dict[str, str], count: int) -> list[Placed]:
    """The first strategies on the cluster itself; an interrupt ends the search for better placements."""
    from planner.strategy.place import place

    with Interrupt() as interrupt:
        options: Any = {"keep": rules, "time_limit_s": PLACE_SECONDS, "stop": interrupt.stop}
        return [place(cluster, found.job, model, **options) for found in answer.best[:count]]


def _write(answer: Answer, model: str, rules: dict[str, str], output: Path) -> None:
    """The best strategy as a workload file."""
    from io import StringIO

    from ruamel.yaml import YAML

    from planner.files import write_atomic
    from planner.strategy.place import description

    text = StringIO()
    YAML().dump(description(answer.best[0].job, model, rules), text)
    write_atomic(output, text.getvalue().encode())
    write_error(f"written to {output}")
