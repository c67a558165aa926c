"""Proof on the running job that every rank is where the placement says.

Inside the job each rank says where it is and compares that with the placement, which is the
``ranks.csv`` of ``planner export --to csv`` or the placement file itself::

    srun ... planner-verify ranks.csv            # a line a rank; exit 1 where a rank is misplaced
    srun ... planner-verify ranks.csv --gather shared/folder      # one table of the whole job
    planner-verify check ranks.csv slurm-17.out  # the same table, from the lines in a job's log

    from planner_verify import by_torch, verify  # in a program: raises MisplacedError, with the table
    verify("ranks.csv", gather=by_torch)

This file needs nothing but Python's standard library, so a copy of it runs where the planner is not
installed. That is why all of it is one file, longer than others. What a rank cannot know, such as its
GPU where nothing says so, is reported as not known and not compared.
"""

from __future__ import annotations

import os
import re
import sys
import time
from argparse import ArgumentParser
from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

AXES = ("tp", "cp", "ep", "pp", "dp")
# Inside a launcher another may run, such as torchrun under srun: the inner one stands first.
LAUNCHERS = (
    ("RANK", "WORLD_SIZE", "LOCAL_RANK"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"),
    ("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID"),
    ("PALS_RANKID", "PALS_SIZE", "PALS_LOCAL_RANKID"),
    ("FLUX_TASK_RANK", "FLUX_JOB_SIZE", "FLUX_TASK_LOCAL_ID"),
    ("JAX_PROCESS_ID", "JAX_NUM_PROCESSES", "LOCAL_RANK"),
    ("PMIX_RANK", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID"),
    ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID"),
)
# Identifies one run, so that a gathering folder may be used again.
RUNS = ("SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_RESTART_COUNT", "TORCHELASTIC_RUN_ID", "PMIX_NAMESPACE")
LINE = re.compile(r"planner-verify rank=(\d+) of=(\d+|\?) host=(\S+) gpu=(\d+|\?) pid=(\d+) via=(\S+)")
MOST_ROWS = 40
NVIDIA = "/proc/driver/nvidia/gpus"


class MisplacedError(RuntimeError):
    """Ranks are not where the placement says; the text is the table of them."""


class UnusableError(ValueError):
    """A placement, or a place in the job, that cannot be made out."""


class Plan(NamedTuple):
    """Where each rank should be: entry r of each list is rank r."""

    hosts: list[str]
    gpus: list[int]
    coordinates: dict[str, list[str]]


class Report(NamedTuple):
    """Where one rank is. ``world`` and ``gpu`` are None where not known; ``via`` told the rank."""

    rank: int
    world: int | None
    host: str
    gpu: int | None
    pid: int
    via: str

    def __str__(self) -> str:
        world, gpu = ("?" if each is None else each for each in (self.world, self.gpu))
        return (
            f"planner-verify rank={self.rank} of={world} host={self.host} gpu={gpu}"
            f" pid={self.pid} via={self.via}"
        )


class Row(NamedTuple):
    """A rank that is not where it should be."""

    rank: int
    wrong: str
    planned: str
    planned_gpu: int | None
    host: str
    gpu: int | None


class Verdict(NamedTuple):
    """Whether all is right, and the table that says so."""

    right: bool
    text: str


def verify(
    placement: str | os.PathLike[str],
    *,
    rank: int | Sequence[int] | None = None,
    host: str | None = None,
    gpu: int | Sequence[int] | None = None,
    gather: Callable[[str], Iterable[str]] | None = None,
) -> Verdict:
    """Compare where this process is with the placement; with `gather`, where all of them are.

    Parameters
    ----------
    placement
        ``ranks.csv`` or the placement file.
    rank, gpu
        What the launcher does not tell; a list where the process drives several GPUs.
    gather
        Takes this process's lines and returns those of all processes: `by_torch`, `by_jax`, or
        ``MPI.COMM_WORLD.allgather`` of mpi4py.

    Raises
    ------
    MisplacedError
        Where a rank is not where it should be.
    """
    plan = read_plan(placement)
    ranks = _several(rank)
    gpus = _several(gpu) if gpu is not None else [None] * len(ranks)
    mine = [here(plan, rank=each, host=host, gpu=gpus[i])[0] for i, each in enumerate(ranks)]
    lines = ["\n".join(map(str, mine))] if gather is None else gather("\n".join(map(str, mine)))
    verdict = check(plan, reports_in("\n".join(lines)), partial=gather is None)
    if not verdict.right:
        raise MisplacedError(verdict.text)
    return verdict


def _several(value: int | Sequence[int] | None) -> Sequence[int | None]:
    return [value] if value is None or isinstance(value, int) else value


def by_torch(mine: str) -> list[str]:
    """Gather over PyTorch's default process group."""
    import torch.distributed

    everyone = [""] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(everyone, mine)
    return everyone


def by_jax(mine: str) -> list[str]:
    """Gather over JAX's processes."""
    import numpy as np
    from jax.experimental.multihost_utils import process_allgather

    longest = int(np.max(process_allgather(np.int32(len(mine.encode())))))
    padded = np.frombuffer(mine.encode().ljust(longest), dtype=np.uint8)
    return [bytes(row).decode() for row in np.atleast_2d(process_allgather(padded)).astype(np.uint8)]


def read_plan(path: str | os.PathLike[str]) -> Plan:
    """Where each rank should be, from ``ranks.csv`` or a placement file."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableError(f"cannot read {path}: {error}") from error
    try:
        return _from_placement(text) if text.lstrip().startswith("{") else _from_csv(text)
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise UnusableError(
            f"expected {path} to be a placement file or the ranks.csv of `planner export`,"
            f" got something else ({type(error).__name__}: {error})"
        ) from error


def _from_placement(text: str) -> Plan:
    import json

    document = json.loads(text)
    names, ranks = document["topology"]["host_names"], document["ranks"]
    return Plan([names[node] for node in ranks["node"]], ranks["local_gpu"], {})


def _from_csv(text: str) -> Plan:
    import csv

    rows = sorted(csv.DictReader(text.splitlines()), key=lambda row: int(row["rank"]))
    if not rows or [int(row["rank"]) for row in rows] != list(range(len(rows))):
        raise ValueError("its ranks are not 0, 1, 2, ...")
    coordinates = {axis: [row[axis] for row in rows] for axis in AXES if axis in rows[0]}
    divided = {axis: places for axis, places in coordinates.items() if len(set(places)) > 1}
    return Plan([row["host"] for row in rows], [int(row["gpu"]) for row in rows], divided)


def here(
    plan: Plan,
    *,
    rank: int | None = None,
    host: str | None = None,
    gpu: int | None = None,
    environ: Mapping[str, str] | None = None,
) -> tuple[Report, str]:
    """Where this process is, and why its GPU is not known where it is not."""
    environ = os.environ if environ is None else environ
    names = next((names for names in LAUNCHERS if environ.get(names[0], "").isdigit()), None)
    local = _number(environ, names[2] if names else "LOCAL_RANK")
    world = None
    via = "argument"
    if rank is None:
        if names is None:
            known = ", ".join(names[0] for names in LAUNCHERS)
            raise UnusableError(f"expected the rank in one of {known}, got none of them; try --rank N")
        rank, world, via = int(environ[names[0]]), _number(environ, names[1]), names[0]
    reason = ""
    if gpu is None:
        gpu, reason = gpu_here(environ, local, devices())
    return Report(rank, world, host or _host(plan, environ), gpu, os.getpid(), via), reason


def _number(environ: Mapping[str, str], name: str) -> int | None:
    value = environ.get(name, "")
    return int(value) if value.isdigit() else None


def _host(plan: Plan, environ: Mapping[str, str]) -> str:
    """The name of this host: the one that the plan knows, of those it goes by.

    Launchers may pass SLURMD_NODENAME on to other hosts, so the host's own name comes first; but
    several slurmd on one machine differ in that variable alone.
    """
    own = os.uname().nodename
    names = [own, *(environ[name] for name in ("SLURMD_NODENAME", "NODE_NAME") if environ.get(name))]
    planned = {_short(name) for name in plan.hosts}
    return next((name for name in names if _short(name) in planned), own)


def _short(name: str) -> str:
    return name.lower().partition(".")[0]


def same_host(one: str, other: str) -> bool:
    """Whether two names mean the same host: a short name stands for the full one."""
    if "." in one and "." in other:
        return one.lower() == other.lower()
    return _short(one) == _short(other)


class Device(NamedTuple):
    """A GPU that the NVIDIA driver lists: its UUID, and whether this process may use it."""

    uuid: str
    usable: bool


def devices(folder: str = NVIDIA, nodes: str = "/dev/nvidia") -> list[Device] | None:
    """GPUs in the order of nvidia-smi; empty without NVIDIA's driver, None where some are hidden."""
    found: list[tuple[int, str]] = []
    for path in sorted(Path(folder).glob("*/information")):
        text = path.read_text()
        minor = re.search(r"Device Minor:\s*(\d+)", text)
        uuid = re.search(r"GPU UUID:\s*(\S+)", text)
        found.append((int(minor[1]) if minor else 0, uuid[1] if uuid else ""))
    # A container that was given a part of the host's GPUs sees that part alone, numbered anew.
    if any(minor >= len(found) for minor, _ in found):
        return None
    return [Device(uuid, os.access(f"{nodes}{minor}", os.R_OK)) for minor, uuid in found]


def gpu_here(
    environ: Mapping[str, str], local_rank: int | None, known: list[Device] | None
) -> tuple[int | None, str]:
    """The index on the host of this process's GPU, or None and why it is not known.

    That is the only visible device, or of several the one that programs take: that of the local rank.
    """
    if known is None:
        return None, "this container sees a part of the host's GPUs"
    visible = _visible(environ)
    if visible is not None and len(visible) == 1:
        return _index(visible[0], known)
    if local_rank is None:
        return None, "there is no local rank, and not exactly one visible device"
    if visible is None:
        return _index(str(local_rank), known)
    if local_rank >= len(visible):
        return None, f"local rank {local_rank} has no device among the {len(visible)} visible ones"
    return _index(visible[local_rank], known)


def _visible(environ: Mapping[str, str]) -> list[str] | None:
    """Devices that the process may see, or None where nothing restricts them."""
    lists = {
        name: [entry.strip() for entry in environ[f"{name}_VISIBLE_DEVICES"].split(",") if entry.strip()]
        for name in ("CUDA", "ROCR", "HIP")
        if f"{name}_VISIBLE_DEVICES" in environ
    }
    if "ROCR" in lists and "HIP" in lists and "CUDA" not in lists:
        # HIP counts among what ROCR left.
        return [lists["ROCR"][int(i)] for i in lists["HIP"] if i.isdigit() and int(i) < len(lists["ROCR"])]
    return next(iter(lists.values()), None)


def _index(entry: str, known: list[Device]) -> tuple[int | None, str]:
    """The index of a visible device, which is a number among those it may use, or a UUID."""
    if entry.isdigit():
        usable = [index for index, device in enumerate(known) if device.usable]
        if not known:
            return int(entry), ""
        return (usable[int(entry)], "") if int(entry) < len(usable) else (None, f"there is no device {entry}")
    found = [index for index, device in enumerate(known) if device.uuid.startswith(entry)]
    return (found[0], "") if len(found) == 1 else (None, f"no driver here lists {entry}")


def reports_in(text: str) -> list[Report]:
    """Reports anywhere in `text`, such as a log in which a launcher put a label before each line."""
    return [
        Report(int(rank), _known(world), host, _known(gpu), int(pid), via)
        for rank, world, host, gpu, pid, via in LINE.findall(text)
    ]


def _known(text: str) -> int | None:
    return None if text == "?" else int(text)


def check(plan: Plan, reports: Iterable[Report], *, partial: bool = False) -> Verdict:
    """The table of ranks that are not where they should be; `partial` where others report elsewhere."""
    reports = sorted(set(reports), key=lambda report: (report.rank, report.pid))
    rows = [row for report in reports if (row := _row(plan, report))]
    if not partial:
        times = Counter(report.rank for report in reports)
        rows += [_missing(plan, rank) for rank in range(len(plan.hosts)) if rank not in times]
        rows += [_row_of(plan, each, "twice") for each in reports if times[each.rank] > 1]
    rows.sort(key=lambda row: (row.rank, row.wrong == "twice"))
    worlds = {report.world for report in reports} - {None, len(plan.hosts)}
    text = [*_table(plan, rows), *_hints(plan, reports, rows), *_unknown(reports)]
    text += [f"the job has {world:,} ranks, the placement {len(plan.hosts):,}" for world in worlds if world]
    text.append(_summary(plan, reports, rows))
    return Verdict(not rows and not worlds, "\n".join(text))


def _row(plan: Plan, report: Report) -> Row | None:
    """What is wrong with one report, if anything."""
    if report.rank >= len(plan.hosts):
        return Row(report.rank, "not planned", "-", None, report.host, report.gpu)
    if not same_host(plan.hosts[report.rank], report.host):
        return _row_of(plan, report, "other host")
    if report.gpu is not None and report.gpu != plan.gpus[report.rank]:
        return _row_of(plan, report, "other GPU")
    return None


def _row_of(plan: Plan, report: Report, wrong: str) -> Row:
    planned = report.rank < len(plan.hosts)
    host, gpu = (plan.hosts[report.rank], plan.gpus[report.rank]) if planned else ("-", None)
    return Row(report.rank, wrong, host, gpu, report.host, report.gpu)


def _missing(plan: Plan, rank: int) -> Row:
    return Row(rank, "missing", plan.hosts[rank], plan.gpus[rank], "-", None)


def _table(plan: Plan, rows: list[Row]) -> list[str]:
    """Rows as aligned text; consecutive ranks that share hosts and fault share a line."""
    if not rows:
        return []
    cells = [("ranks", *plan.coordinates, "planned", "GPU", "found", "GPU", "")]
    numbered = ((row, index) for index, row in enumerate(rows))
    groups = groupby(numbered, lambda each: (each[0].rank - each[1], each[0][1:3], each[0].host))
    for _, each in groups:
        cells.append(_line(plan, [row for row, _ in each]))
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]
    more = len(lines) - 1 - MOST_ROWS
    return [*lines[: MOST_ROWS + 1], *([f"and {more:,} more lines"] if more > 0 else []), ""]


def _line(plan: Plan, rows: list[Row]) -> tuple[str, ...]:
    """The cells of one line."""
    ranks = [row.rank for row in rows]
    planned = ranks[-1] < len(plan.hosts)
    coordinates = [
        ranges([int(places[rank]) for rank in ranks]) if planned else "-"
        for places in plan.coordinates.values()
    ]
    should = ranges(row.planned_gpu for row in rows if row.planned_gpu is not None)
    found = ranges(row.gpu for row in rows if row.gpu is not None)
    first = rows[0]
    return (ranges(ranks), *coordinates, first.planned, should, first.host, found, first.wrong)


def ranges(numbers: Iterable[int]) -> str:
    """Numbers in short, such as ``0-3,6``; ``-`` for none."""
    found = sorted(set(numbers))
    runs = [
        [value for _, value in run] for _, run in groupby(enumerate(found), lambda each: each[1] - each[0])
    ]
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs) or "-"


def _hints(plan: Plan, reports: list[Report], rows: list[Row]) -> list[str]:
    """What the whole of the table points to."""
    times = Counter(report.rank for report in reports)
    if len(reports) > 1 and set(times) == {0} and len(plan.hosts) > 1:
        return ["every process says that it is rank 0: the launcher did not tell them their ranks"]
    if len(times) == len(plan.hosts) and min(times.values()) > 1:
        return ["every rank reports more than once: these are the lines of several runs"]
    if {row.wrong for row in rows} == {"other GPU"}:
        return ["the hosts are right, the GPUs in them are not: see how the launcher binds GPUs to ranks"]
    planned, found = _order(plan.hosts), _order(report.host for report in reports)
    strange, idle = set(found) - set(planned), set(planned) - set(found)
    hints = []
    if strange:
        hints.append(f"not in the placement, but in the job: {_some(strange)}")
    if idle and found:
        hints.append(f"in the placement, but no rank reports from it: {_some(idle)}")
    if not strange and not idle and any(row.wrong == "other host" for row in rows):
        hints.append(_disorder(planned, found))
    return hints


def _order(hosts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(map(_short, hosts)))


def _some(names: set[str]) -> str:
    shown = sorted(names)[:10]
    return ", ".join(shown) + (f" and {len(names) - 10:,} more" if len(names) > 10 else "")


def _disorder(planned: list[str], found: list[str]) -> str:
    if planned == found:
        return "the hosts are in the planned order, with other numbers of ranks"
    # Open MPI puts the host that launches first. Few names are in order by chance.
    for hosts, aside, fewest in ((found, "", 1), (found[1:], ", the first aside", 3)):
        if len(hosts) >= fewest and hosts in (sorted(hosts), sorted(hosts, key=_as_slurm_sorts)):
            return f"the hosts stand in the order of their names{aside}, not in the planned one"
    return "these are the planned hosts in another order"


def _as_slurm_sorts(name: str) -> list[tuple[str, int]]:
    """A key by which node2 comes before node10."""
    return [(text, int(number or 0)) for text, number in re.findall(r"(\D*)(\d*)", name)]


def _unknown(reports: list[Report]) -> list[str]:
    ranks = [report.rank for report in reports if report.gpu is None]
    return [f"GPU not known, hosts compared alone: ranks {ranges(ranks)}"] if ranks else []


def _summary(plan: Plan, reports: list[Report], rows: list[Row]) -> str:
    wrong = {row.rank: row.wrong for row in rows}
    right = {report.rank for report in reports} - set(wrong)
    counts = Counter(wrong.values())
    return ", ".join(
        [f"{len(plan.hosts):,} ranks: {len(right):,} right", *(f"{counts[each]:,} {each}" for each in counts)]
    )


def gathered(plan: Plan, mine: Report, folder: Path, timeout_s: float) -> Verdict:
    """The verdict on the whole job, which rank 0 reaches and all others wait for.

    No rank leaves before: some launchers end a job as soon as one process fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    run = "-".join(os.environ[name] for name in RUNS if os.environ.get(name)) or "run"
    run = re.sub(r"[^\w.-]", "_", run)
    own, done = folder / f"{run}-rank-{mine.rank}-{mine.pid}.txt", folder / f"{run}-verdict.txt"
    # Not every launcher names its runs: what is older than the last verdict belongs to that.
    before = _written_ns(done)
    _put(own, str(mine))
    if mine.rank == 0:
        verdict = check(plan, _collected(folder, run, before, len(plan.hosts), timeout_s))
        _put(done, f"{int(verdict.right)}{verdict.text}")
        return verdict
    deadline = time.monotonic() + 2 * timeout_s
    while _written_ns(done) < _written_ns(own):
        if time.monotonic() > deadline:
            return Verdict(
                right=False, text=f"rank {mine.rank}: no verdict from rank 0 in {2 * timeout_s:g} s"
            )
        time.sleep(0.1)
    return Verdict(right=done.read_text().startswith("1"), text="")


def _put(path: Path, text: str) -> None:
    """Write a file that others see whole or not at all."""
    half = path.with_name(f".{path.name}.{os.getpid()}")
    half.write_text(text)
    half.replace(path)


def _written_ns(path: Path) -> int:
    """When a file was written, by the clock of its file system; 0 where there is none."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _collected(folder: Path, run: str, before: int, ranks: int, timeout_s: float) -> list[Report]:
    """Reports of all ranks written after a time, or of those that came in time."""
    deadline = time.monotonic() + timeout_s
    while True:
        files = [file for file in folder.glob(f"{run}-rank-*.txt") if _written_ns(file) > before]
        if len(files) >= ranks or time.monotonic() > deadline:
            return reports_in("\n".join(file.read_text() for file in files))
        time.sleep(0.1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is 0, 1 (ranks are misplaced), 2 (usage) or 3 (input)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _check_logs(words[1:]) if words[:1] == ["check"] else _in_job(words)
    except UnusableError as error:
        sys.stderr.write(f"error: {error}\n")
        return 3


def _check_logs(words: list[str]) -> int:
    parser = ArgumentParser(prog="planner-verify check", description="Compare the lines in a job's logs.")
    parser.add_argument("placement", help="ranks.csv or the placement file")
    parser.add_argument("log", nargs="*", help="what the job printed; standard input where none is named")
    options = parser.parse_args(words)
    try:
        logs = [Path(name).read_text(errors="replace") for name in options.log] or [sys.stdin.read()]
    except OSError as error:
        raise UnusableError(f"cannot read a log: {error}") from error
    verdict = check(read_plan(options.placement), reports_in("\n".join(logs)))
    sys.stdout.write(f"{verdict.text}\n")
    return int(not verdict.right)


def _in_job(words: list[str]) -> int:
    parser = ArgumentParser(
        prog="planner-verify",
        description="In a job: is this rank where the placement says? Exit 1 if not."
        " After it: `planner-verify check PLACEMENT LOG...` makes one table of all ranks' lines.",
    )
    parser.add_argument("placement", help="ranks.csv or the placement file")
    parser.add_argument("--rank", type=int, help="the rank, where no launcher's variable tells it")
    parser.add_argument("--host", help="the host's name in the placement, where its own is another")
    parser.add_argument("--gpu", type=int, help="the GPU's index on the host, where nothing tells it")
    parser.add_argument("--gather", type=Path, metavar="DIR", help="rank 0 prints one table; a shared folder")
    parser.add_argument("--timeout", type=float, default=60, metavar="S", help="to wait for others (60)")
    parser.add_argument("--exit-zero", action="store_true", help="only print, for a later `check`")
    options = parser.parse_args(words)
    plan = read_plan(options.placement)
    report, reason = here(plan, rank=options.rank, host=options.host, gpu=options.gpu)
    if options.gather:
        verdict = gathered(plan, report, options.gather, options.timeout)
        text = verdict.text
    else:
        verdict = check(plan, [report], partial=True)
        text = _own_line(plan, report, verdict.right, reason)
    # In one piece, so that the lines of ranks that share an output do not mix.
    sys.stdout.write(f"{text}\n" if text else "")
    sys.stdout.flush()
    return int(not verdict.right and not options.exit_zero)


def _own_line(plan: Plan, report: Report, right: bool, reason: str) -> str:
    note = f" (GPU not known: {reason})" if reason else ""
    if right:
        return f"{report} right{note}"
    if report.rank >= len(plan.hosts):
        return f"{report} WRONG, the placement has {len(plan.hosts):,} ranks"
    if not _row(plan, report):
        return f"{report} WRONG, the job has {report.world:,} ranks, the placement {len(plan.hosts):,}"
    return f"{report} WRONG, planned host={plan.hosts[report.rank]} gpu={plan.gpus[report.rank]}{note}"


if __name__ == "__main__":
    sys.exit(main())
