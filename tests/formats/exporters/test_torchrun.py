"""torchrun on every host, with a static rendezvous."""

from __future__ import annotations

import pytest

from tests.formats.jobs import irregular
from tests.formats.launches import called, exported


@pytest.mark.parametrize(
    ("host", "node", "ranks"), [("r01-n00", 0, 3), ("r00-n01", 1, 5), ("r00-n00.site", 2, 2)]
)
def test_what_torchrun_is_told(tmp_path, host, node, ranks):
    """Each host finds its number and its ranks by its name; the first one's address is the master's."""
    folder = tmp_path / "run"
    exported(irregular(), "torchrun", folder, "port=1234")
    expected = f"--nnodes=3 --node-rank={node} --nproc-per-node={ranks} --master-addr=r01-n00"
    expected += f" --master-port=1234 --no-python python3 {folder}/place.py --slot LOCAL_RANK"
    expected += " --world WORLD_SIZE -- python train.py"
    assert called(folder, "launch.sh", "torchrun", env={"PLANNER_HOST": host}) == expected.split()


def test_a_host_that_has_no_ranks(tmp_path):
    """It says so, and torchrun is not started."""
    exported(irregular(), "torchrun", tmp_path / "run")
    with pytest.raises(Exception, match="exit status 1"):
        called(tmp_path / "run", "launch.sh", "torchrun", env={"PLANNER_HOST": "r01-n01"})
