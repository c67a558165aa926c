"""Ray exports on a real Ray cluster: several of its nodes on this machine, told apart by what they are."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.builders import claimed, grid_workload, ragged_cluster
from tests.real.exported import run, write
from tests.real.other import PYTHON, needs

pytestmark = [pytest.mark.real, needs("ray")]

CLUSTER = """
import json, os, subprocess, sys
from ray.cluster_utils import Cluster
hosts, commands, folder = json.loads(os.environ["QUESTION"])
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
for index, (host, gpus) in enumerate(hosts):
    # Half of the hosts are known by a label, half by a custom resource.
    known = {"labels": {"planner-host": host}} if index % 2 else {"resources": {f"host:{host}": 1}}
    cluster.add_node(num_cpus=1, num_gpus=gpus, env_vars={"NODE_NAME": host}, **known)
answers = []
for command in commands:
    environment = {**os.environ, "RAY_ADDRESS": cluster.address}
    done = subprocess.run(
        [sys.executable, "ray_place.py", "--timeout", "100", "--", *command],
        cwd=folder, env=environment, capture_output=True, text=True)
    answers.append([done.returncode, done.stdout + done.stderr])
cluster.shutdown()
print("ANSWERS" + json.dumps(answers))
"""


def irregular():
    """Five ranks on hosts of 2, 3 and 2 GPUs: hosts reversed, ranks scattered, a hole in the largest."""
    cluster = ragged_cluster([[2, 3], [2]])
    workload = grid_workload(dp=5, families=[("dp", "all_reduce", 8)])
    return claimed(cluster, workload, np.array([6, 2, 0, 4, 5]))


def test_every_rank_is_where_it_should_be(tmp_path):
    """The proof passes, and finds a changed plan; a rank that fails ends the job with its exit code."""
    folder = write(irregular(), "ray", tmp_path / "out")
    proof = [PYTHON.as_posix(), "planner_verify.py", "ranks.csv", "--gather", "proof"]
    wrong = folder / "wrong.csv"
    table = (folder / "ranks.csv").read_text().splitlines()
    rows = [line.split(",") for line in table[1:]]
    # What the plan has on rank 1's host and on rank 0's is the other way round.
    at = table[0].split(",").index("host")
    rows[0][at], rows[1][at] = rows[1][at], rows[0][at]
    wrong.write_text("\n".join([table[0], *(",".join(row) for row in rows)]) + "\n")
    commands = [
        proof,
        [PYTHON.as_posix(), "planner_verify.py", "wrong.csv", "--gather", "wrong"],
        ["sh", "-c", "[ $RANK != 3 ] || exit 7; sleep 60"],
    ]
    hosts = [("r00-n00", 2), ("r00-n01", 3), ("r01-n00", 2)]
    out = run(CLUSTER, folder, seconds=500, QUESTION=json.dumps([hosts, commands, str(folder)]))
    passed, caught, failed = json.loads(out.split("ANSWERS")[1])
    assert passed[0] == 0, passed[1][-3000:]
    assert caught[0] == 1, caught[1][-3000:]
    assert "r01-n00" in caught[1]
    assert failed[0] == 7, failed[1][-3000:]
