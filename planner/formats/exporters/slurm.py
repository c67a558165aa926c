"""Slurm: a batch script, and a host file for ``srun --distribution=arbitrary``, one host a rank.

Slurm sorts node lists, so the order of the ranks is given by the host file alone, to an ``srun``
inside the allocation; allocations themselves may be by blocks, where Slurm takes no host file. The
tasks of a host see all GPUs of the job; ``place.py`` gives each the one that the plan has for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.errors import UsageError
from planner.formats.exporters import Export
from planner.formats.hostlist import compress
from planner.formats.writing.options import COMMAND, PORT, Option
from planner.formats.writing.scripts import SHARED, VERIFY, place_file, script
from planner.formats.writing.seats import host_of_rank, hosts_of, require_plain_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from planner.formats.writing.seats import Host
    from planner.placement.placement import Placement

GRES = Option(
    "gres",
    "",
    "GPUs that are asked for on each host, such as gpu:h100:8, or none; left out, all that the hosts have",
)
TIME = Option("time", "", "time limit of the job, as sbatch takes it")
PARTITION = Option("partition", "", "partition of the job")
ACCOUNT = Option("account", "", "account that the job is charged to")
OPTIONS = (COMMAND, PORT, GRES, TIME, PARTITION, ACCOUNT)
# sbatch runs a copy of the script that lies elsewhere; Slurm knows where the script itself is, unless
# a space in its path makes that unclear.
HERE = """\
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [ ! -f "$here/ranks.csv" ]; then
    here=$(scontrol show job "$SLURM_JOB_ID" | sed -n 's/^ *Command=\\([^ ]*\\).*/\\1/p')
    here=$(dirname "$here")
    [ -f "$here/ranks.csv" ] || here=$SLURM_SUBMIT_DIR
fi"""
NOTES = (
    SHARED,
    "`bash job.sbatch` does the same inside an allocation of these hosts, such as `salloc` makes.",
    (
        "`srun` sorts the hosts if it is told of them in any other way, such as by `--nodelist` or"
        " `--ntasks-per-node`. SLURM_NODEID counts sorted hosts; NODE_RANK, which ranks get, does not."
    ),
)


def export(placement: Placement, options: dict[str, str]) -> Export:
    """A batch script and the host file that its ``srun`` takes."""
    hosts, names = hosts_of(placement), host_of_rank(placement)
    require_plain_names(hosts, "slurm")
    for option in (GRES, TIME, PARTITION, ACCOUNT):
        _require_word(option, options[option.name])
    local = placement.cluster.gpu_local[placement.gpu_of_rank].tolist()
    # The remark is for people, and for `planner import-placement`.
    lines = "".join(f"{name} # gpu {gpu}\n" for name, gpu in zip(names, local, strict=True))
    files = {
        "job.sbatch": _batch_script(placement, hosts, options),
        "hostfile": lines.encode(),
        **place_file(),
    }
    # Without --exit-zero the first misplaced rank would end the others before they report.
    prove = f"sbatch --wait --output=verify.log job.sbatch {VERIFY} --exit-zero"
    return Export(
        files,
        "sbatch job.sbatch",
        (*NOTES, *_health(placement)),
        frozenset({"job.sbatch"}),
        f"{prove}; python3 planner_verify.py check ranks.csv verify.log",
    )


def _batch_script(placement: Placement, hosts: Sequence[Host], options: dict[str, str]) -> bytes:
    gpus, ranks = options["gres"] or _gpus(placement), len(placement.gpu_of_rank)
    asked = [] if gpus == "none" else [gpus if gpus.startswith("--") else f"--gres={gpus}"]
    requests = [
        f"--job-name={_word(placement.workload.name)}",
        f"--nodes={len(hosts)}",
        f"--ntasks={ranks}",
        f"--nodelist={compress(sorted(host.name for host in hosts))}",
        "--exclusive",
        *asked,
        *(f"--{name}={options[name]}" for name in ("time", "partition", "account") if options[name]),
    ]
    step = [f"--ntasks={ranks}", "--distribution=arbitrary", *asked, "--cpu-bind=none"]
    return script(
        "Runs all ranks under Slurm, each on its host.",
        options["command"],
        'export SLURM_HOSTFILE="$here/hostfile"',
        "# What sbatch sets for the whole job would contradict the host file.",
        "unset SLURM_NTASKS_PER_NODE SLURM_DISTRIBUTION",
        f"exec srun {' '.join(step)} \\",
        '    --kill-on-bad-exit python3 "$here/place.py" --rank SLURM_PROCID --world SLURM_STEP_NUM_TASKS \\',
        f'    --port {options["port"]} -- "$@"',
        here=HERE,
        before=tuple(f"#SBATCH {request}" for request in requests),
    )


def _gpus(placement: Placement) -> str:
    """A request for all GPUs of the hosts: so many on each, or where they differ so many in all."""
    cluster = placement.cluster
    per_node = np.bincount(cluster.gpu_node, minlength=cluster.nodes)
    counts = per_node[np.unique(cluster.gpu_node[placement.gpu_of_rank])]
    return f"gpu:{counts[0]}" if (counts == counts[0]).all() else f"--gpus={counts.sum()}"


def _health(placement: Placement) -> Iterator[str]:
    """What to know where hosts have GPUs out of service."""
    cluster = placement.cluster
    hosts = np.unique(cluster.gpu_node[placement.gpu_of_rank])
    down = np.intersect1d(hosts, cluster.gpu_node[~cluster.gpu_in_service])
    if down.size:
        yield (
            f"{cluster.host_names[down[0]]}{' and others have' if down.size > 1 else ' has'} GPUs out of"
            " service, which are asked for as if they were there. Where Slurm no longer counts them, export"
            " with `--option gres=...`."
        )


def _word(name: str) -> str:
    """A name of a job without spaces and what a shell would read."""
    return (
        "".join(char if char.isascii() and (char.isalnum() or char in "._-") else "-" for char in name)
        or "job"
    )


def _require_word(option: Option, value: str) -> None:
    """Refuse what the batch script would take for more than one argument."""
    if any(char.isspace() or char in "#'\"\\`$;&|<>()" for char in value):
        raise UsageError.of(
            "E002", f"--option {option.name}: {value!r} cannot be", expected="one word, as sbatch takes it"
        )
