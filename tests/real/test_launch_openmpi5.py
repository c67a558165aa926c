"""The export for Open MPI 5, whose words differ from version 4's, under the real launcher from PyPI."""

from __future__ import annotations

import pytest

from tests.real.hosts import Hosts, require
from tests.real.launches import LEAVES, VERIFY, Site, all_right
from tests.real.other import PYTHON

MPIRUN = PYTHON.parent / "mpirun"
pytestmark = [
    pytest.mark.real,
    require(),
    pytest.mark.skipif(not MPIRUN.exists(), reason="Open MPI 5 is not installed (see tests/real/install.sh)"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Hosts on which ``mpirun`` is that of version 5."""
    # A colon, or "pe" anywhere in the path of a rankfile, is what this version stumbles over.
    with Hosts(LEAVES) as hosts:
        site = Site(hosts, tmp_path_factory.mktemp("open-mpi"))
        site.install("mpirun", MPIRUN)
        yield site


@pytest.fixture(scope="module")
def openmpi(site):
    """Variables for Open MPI: another way than ssh, and root asks for leave."""
    flags = f"--allow-run-as-root --prtemca plm_ssh_agent {site.hosts.agent}"
    # Daemons on other hosts are started by the name of the program.
    return {"MPIRUN_FLAGS": f"{flags} --prefix {MPIRUN.resolve().parent.parent}"}


def test_every_rank_runs_where_it_is_planned(site, openmpi):
    """By the README's command, and proven by the README's proof."""
    folder, (launch, proof) = site.export("openmpi", "version=5", f"command={VERIFY}")
    done = site.run(launch, folder, env=openmpi)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" right\n") == 9
    assert all_right(site.run(proof, folder, env=openmpi))


def test_the_working_folder_is_the_callers(site, openmpi):
    """Though mpirun itself runs in that of the export."""
    folder, _ = site.export("openmpi", "version=5")
    done = site.run(f"cd / && {folder}/launch.sh pwd", folder, env=openmpi)
    assert done.stdout.split() == ["/"] * 9, done.stderr


def test_another_rankfile_is_refused(site, openmpi):
    """The launch itself sees that ranks were put in reverse."""
    folder, (launch, _) = site.export("openmpi", "version=5", f"command={VERIFY}")
    path = folder / "rankfile"
    places = [line.split("=", 1)[1] for line in path.read_text().splitlines()]
    path.write_text("".join(f"rank {rank}={place}\n" for rank, place in enumerate(reversed(places))))
    done = site.run(launch, folder, env=openmpi)
    assert done.returncode != 0
    assert "the plan has it on" in done.stderr
