"""What can be wrong with a workload beyond the form of its values."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

from planner.errors import did_you_mean
from planner.workload.architecture import architecture_findings
from planner.workload.cut import cut_findings
from planner.workload.finding import Finding
from planner.workload.mesh import DEFAULT_RANK_ORDER, MESH_AXES
from planner.workload.schema import Architecture
from planner.workload.traffic import AXES, entry_count, traffic_entries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from planner.source import Findings
    from planner.workload.schema import Batch, ExpertsSection, WorkloadFile

    Sure = Callable[..., bool]
    """Whether none of the values at these paths was found mistaken."""

MOST_RANKS = 2**24
MODEL_KEYS = ("batch", "precision", "gradients", "dispatch", "data_parallel", "recompute", "stages")


def findings(file: WorkloadFile, noted: Findings | None = None) -> Iterator[Finding]:
    """Everything wrong with a workload whose model, if any, stands in it by shape.

    Parameters
    ----------
    noted
        What was found before: no finding comes of a value that is known to be mistaken.
    """

    def sure(*names: str) -> bool:
        return noted is None or not any(noted.doubtful(*name.split(".")) for name in names)

    def whole(name: str) -> bool:
        return noted is None or not noted.doubtful_within(name)

    if whole("model") and whole("traffic") and sure("batch"):
        yield from source_findings(file)
    yield from _mesh_findings(file, sure)
    if sure("rank_order", *(f"parallelism.{axis}" for axis in MESH_AXES)):
        yield from _rank_order_findings(file)
    yield from _keep_findings(file)
    if file.traffic is not None:
        yield from _traffic_findings(file, sure("parallelism.pp", "parallelism.vp"))
    if file.model is not None:
        yield from _schedule_findings(file, sure)
        if file.batch:
            yield from _batch_findings(file, file.batch, sure)
    if isinstance(file.model, Architecture) and whole("model"):
        inside = list(architecture_findings(file.model))
        yield from (replace(finding, path=("model", *finding.path)) for finding in inside)
        if not inside:
            yield from _model_findings(file, file.model, sure)


def source_findings(file: WorkloadFile) -> Iterator[Finding]:
    """Whether payloads come from exactly one of a model and `traffic`, and all it needs is there."""
    if file.model is None and file.traffic is None:
        yield Finding("W010", (), "neither model nor traffic is given", "one of them")
    elif file.traffic is not None:
        if file.model is not None:
            yield Finding(
                "W010", ("traffic",), "both model and traffic are given", "one of them", at_key=True
            )
        if not file.traffic:
            yield Finding(
                "W010", ("traffic",), "traffic names no axis", "an axis, such as dp: {kind: ..., bytes: ...}"
            )
        for key in MODEL_KEYS:
            if file.model is None and getattr(file, key) is not None:
                yield Finding(
                    "W011",
                    (key,),
                    f"{key} has no effect with traffic",
                    "a model, or no such key",
                    at_key=True,
                )
    elif file.batch is None:
        yield Finding(
            "W011", ("model",), "a model needs a batch", "batch: {global: ..., micro: ..., sequence: ...}"
        )


def _mesh_findings(file: WorkloadFile, sure: Sure) -> Iterator[Finding]:
    degrees = file.parallelism
    ranks = prod(getattr(degrees, axis) for axis in MESH_AXES)
    if ranks > MOST_RANKS:
        yield Finding("W015", ("parallelism",), f"{ranks:,} ranks", f"at most {MOST_RANKS:,}")
    known = sure("parallelism.dp", "parallelism.cp", "parallelism.ep")
    if known and (degrees.dp * degrees.cp) % degrees.ep:
        yield Finding(
            "W012",
            ("parallelism", "ep"),
            f"ep {degrees.ep} does not divide dp x cp = {degrees.dp * degrees.cp}",
            "expert groups that are runs of data-parallel and context ranks",
            f"ep: {_nearest_divisor(degrees.dp * degrees.cp, degrees.ep)}",
        )


def _nearest_divisor(number: int, wanted: int) -> int:
    return next(d for d in range(min(wanted, number), 0, -1) if number % d == 0)


def _rank_order_findings(file: WorkloadFile) -> Iterator[Finding]:
    axes = file.rank_order.split("-")
    unknown = [axis for axis in axes if axis not in DEFAULT_RANK_ORDER]
    repeated = sorted({axis for axis in axes if axes.count(axis) > 1})
    missing = [axis for axis in MESH_AXES if axis not in axes and getattr(file.parallelism, axis) > 1]
    expected = "each of tp, cp, ep, dp, pp once, joined with -"
    if unknown:
        guess = did_you_mean(unknown[0], DEFAULT_RANK_ORDER)
        yield Finding(
            "W013", ("rank_order",), f"unknown axis {unknown[0]!r} in the rank order", expected, guess
        )
    elif repeated:
        yield Finding("W013", ("rank_order",), f"the rank order has {repeated[0]} twice", expected)
    elif missing:
        yield Finding("W013", ("rank_order",), f"the rank order lacks {', '.join(missing)}", expected)


def _keep_findings(file: WorkloadFile) -> Iterator[Finding]:
    for axis in file.keep:
        if axis not in AXES:
            yield _unknown_axis("W014", ("keep", axis), axis)


def _unknown_axis(code: str, path: tuple[str, ...], axis: str) -> Finding:
    return Finding(
        code,
        path,
        f"unknown axis {axis!r}",
        f"one of {', '.join(AXES)}",
        did_you_mean(axis, AXES),
        at_key=True,
    )


def _traffic_findings(file: WorkloadFile, stages_known: bool) -> Iterator[Finding]:
    for axis, index, entry in traffic_entries(file):
        if axis not in AXES:
            yield _unknown_axis("W030", ("traffic", axis), axis)
            continue
        count = entry_count(file, axis, entry.kind)
        where: tuple[str | int, ...] = ("traffic", axis, *index, "bytes")
        if stages_known and isinstance(entry.bytes_, list) and len(entry.bytes_) != count:
            yield Finding(
                "W031",
                where,
                f"{len(entry.bytes_)} payloads for {axis}",
                f"{count}, one a {'pair of neighbours' if axis == 'pp' else 'stage'}",
                "a single number, if all are the same",
            )


def _model_findings(file: WorkloadFile, model: Architecture, sure: Sure) -> Iterator[Finding]:
    if sure("parallelism.pp", "parallelism.vp", "schedule"):
        yield from _layer_findings(file, model)
        if sure("stages"):
            yield from cut_findings(file, model.layers)
    if sure("parallelism.tp", "sequence_parallel"):
        yield from _tensor_findings(file, model)
    if sure("parallelism.ep"):
        yield from _expert_findings(file, model.experts)


def _layer_findings(file: WorkloadFile, model: Architecture) -> Iterator[Finding]:
    virtual = 2 if file.schedule == "zb-v" else file.parallelism.vp
    wanted = file.parallelism.pp * virtual
    # The first may hold nothing but the embedding, the last nothing but the head.
    if wanted > model.layers + 2:
        yield Finding(
            "W020",
            ("parallelism", "vp" if file.parallelism.vp > 1 else "pp"),
            f"{wanted} virtual stages for {model.layers} layers",
            f"pp x {'2 (zb-v)' if file.schedule == 'zb-v' else 'vp'} of at most {model.layers + 2}",
        )


def _schedule_findings(file: WorkloadFile, sure: Sure) -> Iterator[Finding]:
    degrees, schedule = file.parallelism, file.schedule
    if not sure("schedule"):
        return
    if sure("parallelism.vp") and degrees.vp > 1 and schedule not in (None, "interleaved"):
        yield Finding(
            "W024",
            ("schedule",),
            f"vp {degrees.vp} with schedule {schedule}",
            "schedule: interleaved",
            "vp: 1",
        )
    if sure("parallelism.pp") and schedule == "dualpipe" and degrees.pp % 2:
        yield Finding("W024", ("schedule",), f"dualpipe over {degrees.pp} stages", "an even pp")


def _tensor_findings(file: WorkloadFile, model: Architecture) -> Iterator[Finding]:
    tp = file.parallelism.tp
    if model.heads % tp:
        yield Finding(
            "W022",
            ("parallelism", "tp"),
            f"tp {tp} does not divide {model.heads} heads",
            "a tp that divides the model's heads",
            f"tp: {_nearest_divisor(model.heads, tp)}",
        )
    if tp > 1 and model.experts and file.sequence_parallel is False:
        yield Finding(
            "W026",
            ("sequence_parallel",),
            "experts with tensor parallelism and no sequence parallelism",
            "sequence_parallel: true, which sends each token to its experts once",
        )


def _expert_findings(file: WorkloadFile, experts: ExpertsSection | None) -> Iterator[Finding]:
    ep = file.parallelism.ep
    where = ("parallelism", "ep")
    if experts is None and ep > 1:
        yield Finding("W023", where, f"ep {ep} for a model without experts", "ep: 1")
    elif experts and experts.count % ep:
        nearest = _nearest_divisor(experts.count, ep)
        yield Finding(
            "W023", where, f"ep {ep} does not divide {experts.count} experts", "a divisor", f"ep: {nearest}"
        )


def _microbatch_findings(file: WorkloadFile, microbatches: int) -> Iterator[Finding]:
    """Schedules that cannot run any number of microbatches.

    Interleaved stages take turns in groups of as many as there are stages; with a smaller group at the
    end they would wait for each other in a circle (Megatron-Core refuses it too).
    """
    degrees = file.parallelism
    if file.schedule == "dualpipe" and microbatches % 2:
        yield Finding("W024", ("schedule",), f"dualpipe with {microbatches} microbatches", "an even number")
    if degrees.vp > 1 and degrees.pp > 1 and microbatches % degrees.pp:
        yield Finding(
            "W024",
            ("batch", "global"),
            f"interleaved over {degrees.pp} stages with {microbatches} microbatches",
            "a number of microbatches, global / (dp x micro), that pp divides",
        )


def _batch_findings(file: WorkloadFile, batch: Batch, sure: Sure) -> Iterator[Finding]:
    degrees = file.parallelism
    each = degrees.dp * batch.micro
    known = sure("parallelism.dp", "batch.global", "batch.micro")
    if known and batch.global_ % each:
        below, above = batch.global_ // each * each, (batch.global_ // each + 1) * each
        yield Finding(
            "W021",
            ("batch", "global"),
            f"{batch.global_} samples for dp x micro = {each}",
            "a multiple of dp x micro",
            f"global: {above}" if not below else f"global: {below} or {above}",
        )
    elif known and sure("parallelism.pp", "parallelism.vp", "schedule"):
        yield from _microbatch_findings(file, batch.global_ // each)
    pieces = degrees.cp * (degrees.tp if file.sequence_parallel is not False else 1)
    split_known = sure("parallelism.cp", "parallelism.tp", "sequence_parallel", "batch.sequence")
    if split_known and batch.sequence % pieces:
        yield Finding(
            "W025",
            ("batch", "sequence"),
            f"a sequence of {batch.sequence} in {pieces} pieces",
            "a multiple of cp, and with sequence_parallel of cp x tp",
        )
