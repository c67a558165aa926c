"""The export for Slurm under a real Slurm of several hosts, which sorts their names where it can."""

from __future__ import annotations

import pytest

from tests.real.hosts import Hosts, require
from tests.real.launches import CHECK, LEAVES, VERIFY, Site, all_right, caught
from tests.real.slurm import PROGRAMS, Slurm

pytestmark = [pytest.mark.real, require(*PROGRAMS)]

TREE = "SwitchName=a Nodes=n9,n2\nSwitchName=b Nodes=n10,n1\nSwitchName=top Switches=a,b\n"
# What the hosts have: two of them two GPUs more than the others.
ALL = "salloc -Q -N4 --exclusive --gpus=12"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Hosts under a Slurm that knows their GPUs and switches."""
    gpus = {"n9": 4, "n2": 2, "n10": 4, "n1": 2}
    with Hosts(LEAVES) as hosts, Slurm(hosts, gpus=gpus, topology=TREE) as slurm:
        site = Site(hosts, tmp_path_factory.mktemp("site"))
        site.env = slurm.env
        yield site


def test_sbatch_runs_every_rank_where_it_is_planned(site):
    """By the README's command, and proven by the README's proof."""
    folder, (launch, proof) = site.export("slurm", f"command={VERIFY}")
    done = site.run(launch.replace("sbatch ", "sbatch --wait --output=job.log "), folder, env=site.env)
    log = (folder / "job.log").read_text()
    assert done.returncode == 0, log
    assert log.count(" right\n") == 9
    assert all_right(site.run(proof, folder, env=site.env))


def test_the_script_runs_in_an_allocation(site):
    """As the README says of salloc."""
    folder, _ = site.export("slurm")
    inside = f"{ALL} bash job.sbatch {VERIFY} --exit-zero | {CHECK}"
    assert all_right(site.run(inside, folder, env=site.env))


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param("-w n9,n2,n1,n10 --distribution=block", id="nodelist"),
        pytest.param("-N4 --distribution=cyclic", id="cyclic"),
    ],
)
def test_a_launch_without_the_host_file_is_caught(site, wrong):
    """Slurm sorts the hosts, whatever order they are given in; step and check both fail."""
    folder, _ = site.export("slurm")
    srun = f"{ALL} srun -n9 {wrong} -l {VERIFY}"
    done = site.run(f"{srun} --exit-zero | {CHECK}", folder, env=site.env)
    assert caught(done, "other host", "n9 ", "in the order of their names, not in the planned one")
    assert site.run(srun, folder, env=site.env).returncode == 1


def test_a_permuted_host_file_is_caught(site):
    """By the launch's own script at once, and by the table where srun is run by hand."""
    folder, _ = site.export("slurm")
    path = folder / "hostfile"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[3], *lines[1:3], lines[0], *lines[4:]]))
    by_hand = (
        f"{ALL} env SLURM_HOSTFILE=hostfile srun -n9 --distribution=arbitrary {VERIFY} --exit-zero | {CHECK}"
    )
    assert caught(site.run(by_hand, folder, env=site.env), "\n0 ", "\n3 ", "other host")
    done = site.run(f"{ALL} bash job.sbatch {VERIFY}", folder, env=site.env)
    assert done.returncode != 0
    assert "was launched on n2, the plan has it on n9" in done.stderr


def test_ranks_gather_in_a_folder(site):
    """Every rank comes to the same verdict, and rank 0 prints it; a second run may use the folder again."""
    folder, _ = site.export("slurm")
    gather = f"{VERIFY} --gather {folder}/seen"
    done = site.run(f"{ALL} srun -n9 -N4 {gather}", folder, env=site.env)
    assert caught(done, "9 ranks: ")
    assert done.stdout.count("9 ranks: ") == 1
    assert all_right(site.run(f"{ALL} bash job.sbatch {gather}", folder, env=site.env))
