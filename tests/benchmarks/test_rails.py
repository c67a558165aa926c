"""The benchmark of rails: its jobs nearly fill damaged clusters, and are counted by the checker."""

from __future__ import annotations

import pytest

from tests.benchmarks.rails import LARGE, SMALL, count, damaged, main


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("seed", range(6))
def test_jobs_nearly_fill_damaged_clusters(seed, size):
    """Something is out of service or lacking, and one replica more would not fit or be too large."""
    cluster, workload = damaged(seed, size)
    live, ranks = int(cluster.gpu_in_service.sum()), workload.mesh.world_size
    assert size[0] <= cluster.nodes < size[1]
    rails = [cluster.gpu_rail[cluster.gpu_node == node].tolist() for node in range(cluster.nodes)]
    assert live < cluster.gpus or any(each != rails[0] for each in rails)
    most = min(live, size[2])
    assert most - 2 * ranks / workload.mesh.dp < ranks <= most


def test_the_same_job_twice():
    """Same seed, same cluster and job."""
    (cluster, workload), (again, job) = damaged(3), damaged(3)
    assert cluster.gpu_rail.tolist() == again.gpu_rail.tolist()
    assert workload == job


@pytest.mark.slow
def test_nothing_is_left_to_avoid_in_small_jobs():
    """Of these jobs some change rail, and each no more than it must."""
    found = list(count(range(8), time_limit_s=4.0, deterministic=True, workers=1))
    assert any(changes.changed_bytes for _, _, changes, _ in found)
    assert all(changes.avoidable_bytes == 0 for _, _, changes, _ in found)


def test_a_table_and_a_sum(capsys):
    """A row for each job whose bytes change rail, and how many may avoid some."""
    main(["--jobs", "5", "--time-limit", "1"])
    printed = capsys.readouterr().out
    assert "change rail" in printed
    assert "5 jobs, of which" in printed
