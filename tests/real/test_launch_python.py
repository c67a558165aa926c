"""Exports for torchrun, Accelerate, DeepSpeed and JAX under the real ones, on several hosts."""

from __future__ import annotations

import pytest

from tests.real.hosts import Hosts, require
from tests.real.launches import CHECK, EVEN, EVEN_JOB, LEAVES, VERIFY, Site, all_right, caught
from tests.real.other import PYTHON

pytestmark = [pytest.mark.real, require()]

BY_TORCH = """\
import torch.distributed
from planner_verify import by_torch, verify
torch.distributed.init_process_group("gloo")
print(verify("ranks.csv", gather=by_torch).text)
# A process that ends in a group may be aborted by threads of it that still run.
torch.distributed.destroy_process_group()
"""
BY_JAX = """\
import jax_mesh
jax_mesh.initialize()
import jax
from planner_verify import by_jax, verify
placed = zip(jax_mesh.rank_array(jax_mesh.DIMS).flat, jax_mesh.build().devices.flat, strict=True)
own = [int(rank) for rank, device in placed if device.process_index == jax.process_index()]
print(verify("ranks.csv", rank=own, gather=by_jax).text)
"""
ENV = {"GLOO_SOCKET_IFNAME": "eth0", "JAX_PLATFORMS": "cpu", "OMP_NUM_THREADS": "1"}


def needs(program):
    """A mark that skips where `program` is not among the other projects."""
    return pytest.mark.skipif(
        not (PYTHON.parent / program).exists(), reason=f"tests/real/install.sh has not installed {program}"
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Hosts that ssh reaches, with the other projects' programs."""
    with Hosts(LEAVES) as hosts:
        yield Site(hosts, tmp_path_factory.mktemp("site"))


@needs("torchrun")
def test_torchrun_runs_every_rank_where_it_is_planned(site):
    """By the README's command; the program verifies itself in one line."""
    folder, (launch, _) = site.export("torchrun", "command=python prove.py")
    (folder / "prove.py").write_text(BY_TORCH)
    done = site.run(launch, folder, env=ENV)
    assert all_right(done)
    assert done.stdout.count("9 ranks: 9 right") == 9


@needs("torchrun")
def test_torchrun_with_a_rendezvous_that_sorts_is_caught(site):
    """The c10d rendezvous sorts hosts by name, and the table says so."""
    folder, _ = site.export("torchrun")
    torchrun = "torchrun --nnodes=4 --rdzv-backend=c10d --rdzv-endpoint=n9:29400 --nproc-per-node"
    counts = {"n9": 3, "n2": 2, "n10": 2, "n1": 2}
    each = [
        f'ssh {host} "cd {folder} && {torchrun} {count} --no-python {VERIFY} --exit-zero" &'
        for host, count in counts.items()
    ]
    done = site.run(f"{{ {' '.join(each)} wait; }} | {CHECK}", folder, env=ENV)
    assert caught(done, "other host", "in the order of their names, not in the planned one")


@needs("torchrun")
def test_the_readmes_proof_of_torchrun(site):
    """It runs the script on every rank and makes one table."""
    folder, (_, proof) = site.export("torchrun")
    assert all_right(site.run(proof, folder, env=ENV))


@needs("accelerate")
def test_accelerate_runs_every_rank_where_it_is_planned(site):
    """On hosts of equal size, in an order that is not that of their names."""
    folder, (_, proof) = site.export("accelerate", placement=site.plan("even", EVEN, EVEN_JOB))
    assert all_right(site.run(proof, folder, env=ENV), ranks=8)


@needs("deepspeed")
def test_deepspeed_runs_every_rank_where_it_is_planned(site):
    """Its own launcher, once on every host."""
    folder, (_, proof) = site.export("deepspeed")
    assert all_right(site.run(proof, folder, env=ENV))


def test_jax_has_every_device_where_it_is_planned(site):
    """Each place of the mesh is on the host of its rank, as the processes themselves tell each other."""
    folder, (launch, _) = site.export("jax", "command=python prove.py")
    (folder / "prove.py").write_text(BY_JAX)
    done = site.run(launch, folder, env=ENV)
    assert all_right(done)
    assert done.stdout.count("9 ranks: 9 right") == 9


def test_jax_in_another_order_is_caught(site):
    """Each process raises, with the table."""
    folder, (launch, _) = site.export("jax", "command=python prove.py")
    (folder / "prove.py").write_text(BY_JAX.replace("rank=own", "rank=[8 - rank for rank in own]"))
    done = site.run(launch, folder, env=ENV)
    assert done.returncode != 0
    assert "other host" in done.stderr
