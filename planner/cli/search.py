"""`planner search`: the best strategies for a model on a cluster."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from planner.cli.destination import require_writable
from planner.cli.interrupt import Interrupt
from planner.cli.options import JsonOption, TopologyArgument
from planner.cli.output import emit, show, write_error
from planner.cli.search_progress import shown_progress
from planner.cli.signals import INTERRUPTED
from planner.errors import InputError, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager

    from planner.strategy.outline import Outline
    from planner.strategy.pool import Pool
    from planner.strategy.ranking import Ranked
    from planner.strategy.record import RecordFile
    from planner.strategy.search import Answer
    from planner.strategy.space import Question

PLACE_SECONDS = 3.0


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
    ] = 3,
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, max=1024, help="Processes that simulate; as many as cores if not given."
        ),
    ] = None,
    dask: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Simulate on the Dask cluster whose scheduler is there."),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Keep what is learned in this file, and go on from it if it is there."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="WORKLOAD", help="Write the best as a workload file."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Rank every strategy that fits by the step time that is predicted for it, and place the best.

    Degrees of parallelism, microbatch, schedule, recomputation and data parallelism: all are tried.
    An interrupt ends the search with the best so far.
    """
    for path in (output, resume):
        if path is not None:
            require_writable(path, inputs=(topology, model))
    if dask is not None and workers is not None:
        raise UsageError.of(
            "U008", "--workers with --dask", expected="one of them: Dask has workers of its own"
        )
    from planner.report.search import search_document, search_view
    from planner.strategy.faster_cuts import with_faster_cuts
    from planner.strategy.outline import Outline
    from planner.strategy.ranking import Ranked, ranked
    from planner.strategy.search import Answer
    from planner.strategy.search import search as best_of
    from planner.strategy.watch import StoppedError, Watch
    from planner.topology.load import load_topology

    rules = dict(_pairs(keep, ("tp", "cp", "ep", "pp", "dp"), "--keep"))
    cluster = load_topology(topology)
    outline = Outline.of(cluster)
    question = _question(model, batch, sequence, precision, given, outline)
    with Interrupt("the best strategies so far, if any") as interrupt, shown_progress() as progress:
        told, stop = progress.going_through, interrupt.stop
        how: Any = {"told": told, "progress": progress.simulating, "stop": stop, "keep": top}
        with (
            _record(resume, question, outline, cluster.name) as record,
            _pool(question, outline, workers, dask, interrupt) as pool,
        ):
            try:
                answer = interrupt.run(lambda: best_of(question, outline, pool=pool, record=record, **how))
            except StoppedError:
                write_error("interrupted before any strategy was simulated; nothing written")
                if as_json:
                    emit(search_document(Answer((), (), 0, 0, complete=False, front_complete=False), []))
                raise typer.Exit(INTERRUPTED) from None
        _require_any(answer, question, outline)
        if not stop.is_set():
            uncut = answer
            answer = interrupt.run_or(lambda: with_faster_cuts(uncut, outline, Watch(told=told)), uncut)
        limits: Any = {"time_limit_s": PLACE_SECONDS, "stop": stop, "told": told}
        ranking = interrupt.run_or(
            lambda: ranked(cluster, answer.best, model, keep=rules, count=place, **limits),
            [Ranked(found) for found in answer.best],
        )
    if output is not None:
        _write(ranking[0], model, rules, output)
    if as_json:
        emit(search_document(answer, ranking))
    else:
        show(search_view(question, outline, answer, ranking))
    if interrupt.stop.is_set():
        raise typer.Exit(INTERRUPTED)


def _question(
    model: str, batch: int, sequence: int, precision: str, given: list[str] | None, outline: Outline
) -> Question:
    """What is asked; raises UsageError for words that mean nothing."""
    from planner.strategy.space import PINNABLE, Question
    from planner.workload.architecture import load_model
    from planner.workload.job import Precision

    if precision not in list(Precision):
        raise _unknown("precision", precision, [str(each) for each in Precision])
    return Question(
        load_model(model),
        batch,
        sequence,
        Precision(precision),
        outline.gpus,
        outline.levels[0].gpus if outline.levels else outline.gpus,
        tuple(_pairs(given, PINNABLE, "--set")),
        faster=tuple(part.gpus for part in outline.faster),
    )


def _pool(
    question: Question, outline: Outline, workers: int | None, dask: str | None, interrupt: Interrupt
) -> AbstractContextManager[Pool]:
    """Who simulates."""
    if dask is not None:
        from planner.strategy.dask_pool import DaskPool

        return DaskPool(dask, question, outline)
    from planner.strategy.pool import LocalPool

    return LocalPool(question, outline, workers, interrupt.stop)


@contextmanager
def _record(
    path: Path | None, question: Question, outline: Outline, topology: str
) -> Iterator[RecordFile | None]:
    """What is known from the file; written again at the end, whatever that is."""
    if path is None:
        yield None
        return
    from planner.strategy.record import RecordFile, asked_of

    record = RecordFile(path, asked_of(question, outline, topology))
    try:
        yield record
    finally:
        record.write()


def _require_any(answer: Answer, question: Question, outline: Outline) -> None:
    """Refuse to go on with nothing."""
    if answer.best:
        return
    raise InputError.of(
        "W050",
        f"no strategy for {question.model.name} fits {outline.gpus:,} GPUs of {outline.gpu.name}",
        expected="more GPUs, a smaller batch, or fewer things given with --set",
    )


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


def _write(first: Ranked, model: str, rules: dict[str, str], output: Path) -> None:
    """The first strategy as a workload file."""
    from io import StringIO

    from ruamel.yaml import YAML

    from planner.files import write_atomic
    from planner.strategy.place import description

    text = StringIO()
    YAML().dump(description(first.found.job, model, rules), text)
    write_atomic(output, text.getvalue().encode())
    write_error(f"written to {output}")
