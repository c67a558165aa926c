"""All strategies for a model on so many GPUs: what divides what."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from planner.workload.job import DataParallel, Job, Precision, Recompute, Schedule
from planner.workload.mesh import DEFAULT_RANK_ORDER, Mesh

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.workload.model import Model

# Replicas of a stage next to each other, or stages of a replica.
ORDERS = (DEFAULT_RANK_ORDER, ("tp", "cp", "ep", "pp", "dp"))
TWO_CHUNKS = (Schedule.ZB_V, Schedule.DUALPIPE)
SPLIT = (Schedule.ZB_H1, Schedule.ZB_H2, *TWO_CHUNKS)
MICRO_BATCHES = (1, 2, 4, 8, 16)
MOST_VIRTUAL = 16
MOST_CONTEXT = 64
# Of the layers, by how many virtual stages may miss being even: DeepSeek-V3's 61 are run in 32 chunks.
UNEVEN = 0.05
PINNABLE = ("tp", "cp", "ep", "pp", "vp", "dp", "micro", "schedule", "recompute", "data_parallel")


@dataclass(frozen=True)
class Question:
    """What is asked for: the model, the batch, and what else of the job is given.

    Parameters
    ----------
    gpus
        GPUs that may be used.
    domain
        GPUs of a scale-up domain: tensor groups stay inside of one.
    pinned
        What is given of `PINNABLE`, by name, as text; of several values of a name any will do.
    gradient_bytes
        Bytes of a gradient but with fsdp, where it has two; two in fp16 and four otherwise if not given.
    dispatch_bytes
        Bytes of an element on its way to the experts; as at rest if not given.
    faster
        GPUs of parts of the cluster that are faster than all of it, where strategies may have to fit in.
    """

    model: Model
    global_batch: int
    sequence: int
    precision: Precision
    gpus: int
    domain: int
    pinned: tuple[tuple[str, str], ...] = ()
    gradient_bytes: int | None = None
    dispatch_bytes: int | None = None
    faster: tuple[int, ...] = ()

    def allows(self, name: str, value: object) -> bool:
        """Whether what is given leaves `value` for `name`."""
        given = [each for key, each in self.pinned if key == name]
        return not given or str(value) in given

    def gradients(self, sharing: DataParallel) -> int:
        """Bytes of a gradient with data parallelism that shares so much."""
        if sharing is DataParallel.FSDP:
            return 2
        return self.gradient_bytes or (2 if self.precision is Precision.FP16 else 4)

    def mesh(self, strategy: Strategy, order: tuple[str, ...]) -> Mesh:
        """The mesh of a strategy, with ranks in `order`."""
        return Mesh(strategy.tp, strategy.cp, strategy.ep, strategy.dp, strategy.pp, strategy.vp, order)

    def job(self, strategy: Strategy, order: tuple[str, ...], sharing: DataParallel) -> Job:
        """The job of a strategy, with ranks in `order` and data parallelism that shares so much."""
        return Job(
            model=self.model,
            mesh=self.mesh(strategy, order),
            global_batch=self.global_batch,
            micro_batch=strategy.micro,
            sequence=self.sequence,
            precision=self.precision,
            gradient_bytes=self.gradients(sharing),
            dispatch_bytes=self.dispatch_bytes or self.precision.element_bytes,
            data_parallel=sharing,
            recompute=strategy.recompute,
            schedule=strategy.schedule,
            sequence_parallel=True,
        )


class Strategy(NamedTuple):
    """Degrees, microbatch, schedule and recomputation."""

    tp: int
    cp: int
    ep: int
    dp: int
    pp: int
    vp: int
    micro: int
    schedule: Schedule
    recompute: Recompute


def strategies(question: Question) -> Iterator[Strategy]:
    """Every strategy, whether it fits in memory or not."""
    kept = [each for each in Recompute if question.allows("recompute", each)]
    for tp in _tensor(question):
        for cp in _context(question, tp):
            for pp in _stages(question, question.gpus // (tp * cp)):
                for micro in _micro_batches(question):
                    for dp in _replicas(question, tp * cp * pp, micro):
                        experts = list(_expert(question, cp * dp))
                        for schedule, virtual in _schedules(question, pp, micro * dp):
                            for ep in experts:
                                for recompute in kept:
                                    yield Strategy(tp, cp, ep, dp, pp, virtual, micro, schedule, recompute)


def sharings(question: Question) -> list[DataParallel]:
    """Ways of data parallelism to try: those given, or those that no other beats in time and in memory.

    The distributed optimizer moves and holds no more than ddp, and updates less.
    """
    if any(name == "data_parallel" for name, _ in question.pinned):
        return [way for way in DataParallel if question.allows("data_parallel", way)]
    return [DataParallel.DISTRIBUTED_OPTIMIZER, DataParallel.FSDP]


def _tensor(question: Question) -> Iterator[int]:
    """Divisors of the heads that fit a scale-up domain and split, or repeat, the key heads evenly."""
    model = question.model
    keys = model.heads if model.latent_attention else model.kv_heads
    for degree in divisors(model.heads):
        even = keys % degree == 0 or degree % keys == 0
        divides = question.sequence % degree == 0 and model.hidden % degree == 0
        if degree <= question.domain and even and divides and question.allows("tp", degree):
            yield degree


def _context(question: Question, tp: int) -> Iterator[int]:
    """Powers of two that cut the sequence into as many pieces."""
    degree = 1
    while degree <= MOST_CONTEXT and question.sequence % (degree * tp) == 0:
        if question.allows("cp", degree):
            yield degree
        degree *= 2


def _stages(question: Question, most: int) -> Iterator[int]:
    """Numbers of stages that divide the layers, embedding and head counted or not, and powers of two."""
    layers = question.model.layers
    powers = (2**power for power in range(9) if 2**power <= layers)
    wanted = {*divisors(layers), *divisors(layers + 2), *powers}
    yield from (pp for pp in sorted(wanted) if pp <= most and question.allows("pp", pp))


def _micro_batches(question: Question) -> Iterator[int]:
    """Samples of a microbatch."""
    for micro in MICRO_BATCHES:
        if question.global_batch % micro == 0 and question.allows("micro", micro):
            yield micro


def _replicas(question: Question, gpus: int, micro: int) -> Iterator[int]:
    """The most replicas of so many GPUs that divide the batch: of all GPUs, of each faster part."""
    degrees = divisors(question.global_batch // micro)
    found = {bisect_right(degrees, size // gpus) for size in (*question.faster, question.gpus)}
    for place in sorted(found):
        if place and question.allows("dp", degrees[place - 1]):
            yield degrees[place - 1]


def _expert(question: Question, ranks: int) -> Iterator[int]:
    """Divisors of the experts that divide the ranks they are folded from."""
    experts = question.model.experts
    for degree in divisors(experts.count) if experts else (1,):
        if ranks % degree == 0 and question.allows("ep", degree):
            yield degree


def _schedules(question: Question, pp: int, samples: int) -> Iterator[tuple[Schedule, int]]:
    """Schedules and virtual stages for microbatches of `samples` samples over all replicas."""
    for schedule, virtual in _cuts(question.model.layers, pp):
        microbatches = question.global_batch // samples
        uneven = schedule is Schedule.INTERLEAVED and microbatches % pp
        few = schedule is Schedule.DUALPIPE and (pp % 2 or microbatches % 2 or microbatches < 2 * pp)
        given = question.allows("schedule", schedule) and question.allows("vp", virtual)
        if given and not uneven and not few:
            yield schedule, virtual


@lru_cache(maxsize=256)
def _cuts(layers: int, pp: int) -> tuple[tuple[Schedule, int], ...]:
    """Schedules and virtual stages whose chunks all get a layer or so."""
    if pp == 1:
        return ((Schedule.ONE_F_ONE_B, 1),)
    found = [(Schedule.ONE_F_ONE_B, 1)]
    for virtual in range(2, MOST_VIRTUAL + 1):
        short = -layers % (pp * virtual)
        if pp * virtual <= layers + 2 and short <= max(2, UNEVEN * layers):
            found.append((Schedule.INTERLEAVED, virtual))
    fitting = (each for each in SPLIT if pp * (2 if each is Schedule.ZB_V else 1) <= layers + 2)
    return (*found, *((schedule, 1) for schedule in fitting))


@lru_cache(maxsize=4096)
def divisors(number: int) -> tuple[int, ...]:
    """All divisors, smallest first."""
    small = [d for d in range(1, int(number**0.5) + 1) if number % d == 0]
    return tuple(sorted({*small, *(number // d for d in small)}))
