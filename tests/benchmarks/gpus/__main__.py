"""What was measured on real GPUs beside what the cost model says.

python -m tests.benchmarks.gpus [measured.json]

``--shape`` and ``--ring`` print the constants that measured products and measured attention in parts give.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from planner.cost.compute import Compute, Product
from planner.cost.figures import shipped_figures
from planner.cost.network import Network, rank_bytes
from planner.cost.software import Software
from planner.cost.step import Step
from planner.topology.presets import preset
from planner.workload.family import Kind
from planner.workload.job import DataParallel, Job, Precision, Recompute, Schedule
from planner.workload.mesh import Mesh
from planner.workload.model import Model
from planner.workload.payloads import families
from tests.builders import grid_cluster

FILE = Path(__file__).with_name("h200.json")
H100 = Path(__file__).with_name("h100.json")
SIZES = (2**26, 2**30)
SPLITS = {"none": {}, "tp": {"tp": 2}, "pp": {"pp": 2}, "dp": {"dp": 2}}


def main(path=FILE):
    """Print both, part by part."""
    measured = json.loads(Path(path).read_text())
    gpu = preset(measured["gpu"].split()[-1].lower())
    write(f"{'part':32} {'predicted':>12} {'measured':>12} {'error':>8}")
    for precision in (Precision.BF16, Precision.FP8):
        _products(measured, gpu, precision)
    _collectives(measured, gpu)
    steps = {row["split"]: (predicted_step(row, gpu), row["s"]) for row in measured["steps"]}
    for split, (predicted, taken) in steps.items():
        _row(f"step, {split}", predicted, taken)
    for row in measured["sustained"]:
        kept = row["cold_s"] / row["sustained_s"]
        write(f"after half a minute {row['precision']} products keep {kept:.2f} of their rate")
    _layers(json.loads(H100.read_text()))
    predicted, taken = steps["none"]
    factor = taken / predicted
    write(
        f"\nOne GPU by itself takes {factor:.2f} of what the constants of large jobs say. With that factor:"
    )
    for split, (predicted, taken) in steps.items():
        _row(f"step, {split}", factor * predicted, taken)
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


def ring():
    """Print the constants of attention in parts that the measured parts give.

    By how much kernels of parts are slower is linear in the inverse of a rank's tokens; of the bytes that
    adding the parts moves it is the median.
    """
    measured = json.loads(H100.read_text())
    gpu = preset(measured["gpu"].split()[1].lower())
    rate = gpu.memory_bytes_per_s * shipped_figures().shared.memory_efficiency
    tokens, slower, moved = [], [], []
    for row in measured["attention_in_parts"]:
        further = row["parts"] - 1
        tokens.append(row["sequence"] / row["parts"])
        values = row["batch"] * tokens[-1] * row["heads"] * row["head_dim"]
        slower.append((row["kernels_s"] / row["share_s"] - 1) * row["parts"] / further)
        moved.append((row["s"] - row["kernels_s"]) * rate / values / further)
    slope, many = np.polyfit(1 / np.array(tokens), slower, 1)
    moved_bytes = np.median(moved)
    write(f"ring_slowdown {many:.3f}, ring_few_tokens {slope / many:.0f}, ring_part_bytes {moved_bytes:.0f}")
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


def _layers(measured):
    """Products of a layer of each model on a warm GPU, and the share of its peak that they reach."""
    gpu = preset(measured["gpu"].split()[1].lower())
    compute = Compute(_job(json.loads(FILE.read_text())["steps"][0], Mesh()), gpu)
    for row in measured["layers"]:
        tokens, hidden, tp = (row[key] for key in ("tokens", "hidden", "tp"))
        shapes = [(3 * hidden / tp, hidden), (hidden, hidden / tp), (4 * hidden / tp, hidden)]
        products = [Product(tokens, n, k) for n, k in (*shapes, (hidden, 4 * hidden / tp))]
        flops = sum(6 * p.rows * p.outputs * p.inputs for p in products)
        name = f"layer of {hidden} over {tp}, {flops / row['s'] / gpu.flops('bf16'):.2f} of peak"
        _row(name, compute._products(products, Precision.BF16).total, row["s"])


def _products(measured, gpu, precision):
    """All products of one precision together, those that take long enough to be timed well."""
    mesh = Mesh()
    compute = Compute(_job(measured["steps"][0], mesh), gpu)
    rows = [row for row in measured["products"] if row["precision"] == precision and row["s"] > 60e-6]
    predicted = [compute.product_s(Product(r["m"], r["n"], r["k"]), precision) for r in rows]
    _row(f"{len(rows)} products, {precision}", sum(predicted), sum(row["s"] for row in rows))


def _collectives(measured, gpu):
    """The largest buffer of each kind."""
    shared = _figures(measured, gpu).shared
    rate = gpu.scale_up_bytes_per_s * shared.scale_up_efficiency
    for row in measured["collectives"]:
        if row["bytes"] not in SIZES:
            continue
        # A send's payload stands for both directions.
        size = row["bytes"] * (2 if row["kind"] == "p2p" else 1)
        moved = rank_bytes(Kind(row["kind"]), size, row["ranks"])
        name = f"{row['kind']}, {row['bytes'] >> 20} MiB, {row['ranks']} GPUs"
        _row(name, moved / rate + shared.scale_up_latency_s, row["s"])


def _figures(measured, gpu):
    return Compute(_job(measured["steps"][0], Mesh()), gpu).figures


def _row(name, predicted, measured):
    error = 100 * (predicted / measured - 1)
    write(f"{name:32} {1e3 * predicted:9.2f} ms {1e3 * measured:9.2f} ms {error:7.1f}%")


def write(line):
    """Print a line."""
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    derived = {"--shape": shape, "--ring": ring}
    asked = sys.argv[1:]
    sys.exit(derived[asked[0]]() if asked and asked[0] in derived else main(*asked))
