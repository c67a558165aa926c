"""Exports for MPI under the real launchers, on several hosts: the README's commands as they stand."""

from __future__ import annotations

import pytest

from tests.real.hosts import Hosts, require
from tests.real.launches import CHECK, LEAVES, VERIFY, Site, all_right, caught, rows

pytestmark = [pytest.mark.real, require("mpirun.openmpi", "mpiexec.hydra")]

SORTED = "n1:2,n10:2,n2:2,n9:3"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Hosts on which ``mpirun`` is Open MPI's and ``mpiexec`` MPICH's, and ssh enters a host."""
    with Hosts(LEAVES) as hosts:
        site = Site(hosts, tmp_path_factory.mktemp("site"))
        site.install("mpirun", "/usr/bin/mpirun.openmpi")
        yield site


@pytest.fixture(scope="module")
def openmpi(site):
    """Variables for Open MPI: no ssh here, and root asks for leave."""
    return {
        "MPIRUN_FLAGS": "--allow-run-as-root",
        "OMPI_MCA_plm_rsh_agent": site.hosts.agent,
        "OMPI_MCA_oob_tcp_if_include": "eth0",
    }


@pytest.fixture(scope="module")
def mpich(site):
    """Variables for MPICH, which has no ssh here either."""
    return {"MPIEXEC": "mpiexec.hydra", "HYDRA_LAUNCHER_EXEC": site.hosts.agent}


def test_the_placement_is_one_that_sorting_breaks(site):
    """Hosts in no order, of unequal size, one that comes back; GPUs with holes and backwards."""
    folder, _ = site.export("csv")
    hosts = [host for _, host, _ in rows(folder)]
    gpus = {host: [gpu for _, each, gpu in rows(folder) if each == host] for host in hosts}
    order = list(dict.fromkeys(hosts))
    assert len(hosts) == 9
    assert order not in (sorted(order), sorted(order, key=lambda name: int(name[1:])))
    assert len({hosts.count(host) for host in hosts}) > 1
    assert any(own != list(range(len(own))) for own in gpus.values())


def test_openmpi_runs_every_rank_where_it_is_planned(site, openmpi):
    """By the README's command, and proven by the README's proof."""
    folder, (launch, proof) = site.export("openmpi", "version=4", f"command={VERIFY}")
    done = site.run(launch, folder, env=openmpi)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" right\n") == 9
    assert all_right(site.run(proof, folder, env=openmpi))


def test_openmpi_with_a_sorted_host_list_is_caught(site, openmpi):
    """The table names the ranks and the cause; without ``check``, mpirun's own exit code tells."""
    folder, _ = site.export("openmpi", "version=4")
    mpirun = f"mpirun $MPIRUN_FLAGS -np 9 --host {SORTED} --oversubscribe {VERIFY}"
    done = site.run(f"{mpirun} --exit-zero | {CHECK}", folder, env=openmpi)
    assert caught(done, "3-4 ", "n2       0-1", "other host", "order of their names, the first aside")
    assert site.run(mpirun, folder, env=openmpi).returncode == 1


def test_openmpi_with_another_rankfile_is_refused(site, openmpi):
    """The launch itself sees that two hosts were swapped."""
    folder, (launch, _) = site.export("openmpi", "version=4", f"command={VERIFY}")
    path = folder / "rankfile"
    path.write_text(path.read_text().replace("n9", "x").replace("n10", "n9").replace("x", "n10"))
    done = site.run(launch, folder, env=openmpi)
    assert done.returncode == 1
    assert "was launched on n10, the plan has it on n9" in done.stderr


def test_openmpi_gathers_in_a_folder(site, openmpi):
    """Rank 0 prints the table before mpirun ends the job, and the job fails."""
    folder, _ = site.export("openmpi", "version=4")
    mpirun = f"mpirun $MPIRUN_FLAGS -np 9 --host {SORTED} --oversubscribe"
    done = site.run(f"{mpirun} {VERIFY} --gather {folder}/seen", folder, env=openmpi)
    assert caught(done, "order of their names, the first aside", "9 ranks: ")
    right = f"./launch.sh {VERIFY} --gather {folder}/seen"
    assert all_right(site.run(right, folder, env=openmpi))


def test_mpich_runs_every_rank_where_it_is_planned(site, mpich):
    """Also where a host comes back later in the list."""
    folder, (launch, proof) = site.export("mpich", f"command={VERIFY}")
    done = site.run(launch, folder, env=mpich)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" right\n") == 9
    assert all_right(site.run(proof, folder, env=mpich))


def test_mpich_with_a_permuted_machinefile_is_caught(site, mpich):
    """By the proof where the launcher is run by hand, by the launch where its script is."""
    folder, (launch, _) = site.export("mpich", f"command={VERIFY}")
    path = folder / "machinefile"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[1], lines[0], *lines[2:]]))
    by_hand = f"$MPIEXEC -f machinefile -n 9 {VERIFY} --exit-zero | {CHECK}"
    assert caught(site.run(by_hand, folder, env=mpich), "planned hosts in another order")
    done = site.run(launch, folder, env=mpich)
    assert done.returncode != 0
    assert "was launched on n2, the plan has it on n9" in done.stderr
