"""A whole map of a placement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import planner
from planner.cost.order import job_order
from planner.formats.writing.c_map.layout import AXES, OPERATION, Strings, Tables, digest_bytes, to_bytes
from planner.formats.writing.c_map.pipeline import chunk_rows, operation_rows, pipeline_of
from planner.formats.writing.c_map.rows import gpu_rows, host_order, host_rows, rank_rows
from planner.placement.file import input_digests
from planner.workload.load import job_of

if TYPE_CHECKING:
    from planner.placement.placement import Placement
    from planner.workload.job import Job


def map_bytes(placement: Placement, byte_order: str) -> bytes:
    """The file that ``planner_map.h`` reads; the same placement gives the same bytes.

    Parameters
    ----------
    byte_order
        ``little`` or ``big``.
    """
    workload = placement.workload
    mesh, job = workload.mesh, job_of(workload) if workload.description.get("model") else None
    made = pipeline_of(mesh, job)
    strings = Strings()
    fields = _fields(placement, job, strings)
    order, row = host_order(placement.cluster)
    hosts, ranks_of_hosts = host_rows(placement, order, strings)
    stages, chunks = chunk_rows(made, job)
    operations = np.zeros(0, OPERATION)
    if job is not None:
        operations = operation_rows(stages, job_order(job, workload.families), strings)
    sections = {
        "ranks": rank_rows(placement, row, wraps=mesh.vp > 1),
        "gpus": gpu_rows(placement, row),
        "hosts": hosts,
        "host_ranks": ranks_of_hosts,
        "stages": stages,
        "chunks": chunks,
        "operations": operations,
        "strings": strings.rows(),
    }
    return to_bytes(Tables(fields, sections), byte_order)


def _fields(placement: Placement, job: Job | None, strings: Strings) -> dict[str, object]:
    """What the header says of the job."""
    digests, mesh = input_digests(placement), placement.workload.mesh
    return {
        "topology_digest": digest_bytes(digests.topology),
        "workload_digest": digest_bytes(digests.workload),
        "degree": [mesh.degree(axis) for axis in AXES],
        "stride": [mesh.stride(axis) for axis in AXES],
        "fold_fast": AXES.index(mesh.fold_order[0]),
        "fold_slow": AXES.index(mesh.fold_order[1]),
        "world_size": mesh.world_size,
        "virtual_stages": mesh.vp,
        "microbatches": 0 if job is None else job.num_microbatches,
        "schedule": strings.add("" if job is None else str(job.schedule)),
        "job_name": strings.add(placement.workload.name),
        "cluster_name": strings.add(placement.cluster.name),
        "written_by": strings.add(f"planner {planner.__version__}"),
    }
