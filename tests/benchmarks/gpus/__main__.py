"""What was measured on real GPUs beside what the cost model says.

python -m tests.benchmarks.gpus [measured.json]
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from planner.cost.compute import Compute, Product, Software
from planner.cost.network import Network, rank_bytes
from planner.cost.step import Step
from planner.topology.presets import preset
from planner.workload.family import Kind
from planner.workload.job import DataParallel, Job, Precision, Recompute, Schedule
from planner.workload.mesh import Mesh
from planner.workload.model import Model
from planner.workload.payloads import families
from tests.builders import grid_cluster

FILE = Path(__file__).with_name("h200.json")
SPLITS = {"none": {}, "tp": {"tp": 2}, "pp": {"pp": 2}, "dp": {"dp": 2}}


def main(path=FILE):
    """Print both, part by part."""
    measured = json.loads(Path(path).read_text())
    gpu = preset(measured["gpu"].split()[-1].lower())
    write(f"{'part':22} {'predicted':>12} {'measured':>12} {'error':>8}")
    for precision in (Precision.BF16, Precision.FP8):
        _products(measured, gpu, precision)
    _collectives(measured, gpu)
    for row in measured["steps"]:
        _row(f"step, {row['split']}", predicted_step(row, gpu), row["s"])
    return 0


def shape():
    """Print the constants of `planner.cost.compute` that the measured BF16 products themselves give.

    The share of the peak and the start of each timed run are fitted along, and not used.
    """
    from scipy.optimize import least_squares

    rows = [row for row in json.loads(FILE.read_text())["products"] if row["precision"] == "bf16"]
    m, n, k, measured = (np.array([row[key] for row in rows], float) for key in ("m", "n", "k", "s"))

    def predicted(values):
        share, start_us, narrow, shallow = values
        at_peak = 2 * m * n * k / preset("h200").flops("bf16")
        return start_us / 1e6 + at_peak / share * (1 + narrow / n) * (1 + shallow / k)

    found = least_squares(
        lambda v: np.log(predicted(v) / measured), (0.7, 10, 100, 100), bounds=(0, np.inf)
    ).x
    errors = np.abs(predicted(found) / measured - 1)
    write(f"narrow_outputs {found[2]:.0f}, shallow_inputs {found[3]:.0f}, mean error {errors.mean():.1%}")
    return 0


def predicted_step(row, gpu):
    """Seconds of the small transformer's step, split over two GPUs or not."""
    mesh = Mesh(**SPLITS[row["split"]])
    job = _job(row, mesh)
    cluster = replace(
        grid_cluster(1, mesh.world_size, uplinks=(None,), scale_up=gpu.scale_up_bytes_per_s), gpu_kinds=(gpu,)
    )
    network = Network(cluster, mesh, np.arange(mesh.world_size, dtype=np.int32))
    times = {family.name: network.time(family) for family in families(job)}
    # Its tensor parallelism waits for every all-reduce.
    software = Software(overlaps=row["split"] != "tp")
    return Step(job, gpu, times, software).time().step_s


def _job(row, mesh):
    """The job that `transformer.py` trains."""
    shape = ("layers", "hidden", "ffn", "heads", "kv_heads", "head_dim", "vocab")
    return Job(
        model=Model("small", **{key: row[key] for key in shape}),
        mesh=mesh,
        global_batch=row["global_batch"],
        micro_batch=row["micro_batch"],
        sequence=row["sequence"],
        precision=Precision.BF16,
        gradient_bytes=2,
        dispatch_bytes=2,
        data_parallel=DataParallel.DDP,
        recompute=Recompute.NONE,
        schedule=Schedule.ONE_F_ONE_B,
        sequence_parallel=False,
    )


def _products(measured, gpu, precision):
    """All products of one precision together, those that take long enough to be timed well."""
    mesh = Mesh()
    compute = Compute(_job(measured["steps"][0], mesh), gpu)
    rows = [row for row in measured["products"] if row["precision"] == precision and row["s"] > 60e-6]
    predicted = [compute.product_s(Product(r["m"], r["n"], r["k"]), precision) for r in rows]
    _row(f"{len(rows)} products, {precision}", sum(predicted), sum(row["s"] for row in rows))


def _collectives(measured, gpu):
    """The largest buffer of each kind."""
    for kind in ("all_reduce", "all_gather", "reduce_scatter", "p2p"):
        row = max((r for r in measured["collectives"] if r["kind"] == kind), key=lambda r: r["bytes"])
        # A send's payload stands for both directions.
        size = row["bytes"] * (2 if kind == "p2p" else 1)
        rate = gpu.scale_up_bytes_per_s * _figures(measured, gpu).shared.scale_up_efficiency
        _row(f"{kind}, {row['bytes'] >> 20} MiB", rank_bytes(Kind(kind), size, 2) / rate, row["s"])


def _figures(measured, gpu):
    return Compute(_job(measured["steps"][0], Mesh()), gpu).figures


def _row(name, predicted, measured):
    error = 100 * (predicted / measured - 1)
    write(f"{name:22} {1e3 * predicted:9.2f} ms {1e3 * measured:9.2f} ms {error:7.1f}%")


def write(line):
    """Print a line."""
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(shape() if sys.argv[1:] == ["--shape"] else main(*sys.argv[1:]))
