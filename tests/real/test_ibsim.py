"""Fabrics replayed by ibsim into the real ibnetdiscover and iblinkinfo."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from planner.formats.importers import iblinkinfo, ibnetdiscover
from planner.formats.site.derive import derive
from planner.formats.site.site import Source
from tests.formats.reading.infiniband.discovered import FOLDER, recorded
from tests.real.ibsim import Simulator

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        not all(map(shutil.which, ("ibsim", "ibsim-run", "ibnetdiscover", "iblinkinfo", "opensm"))),
        reason="ibsim, infiniband-diags and opensm are not installed; run tests/real/install.sh",
    ),
]
EXAMPLES = Path("/usr/share/doc/ibsim-utils/net-examples")
PROGRAMS = {
    "two-units.ibnetdiscover": ("ibnetdiscover",),
    "two-units.iblinkinfo": ("iblinkinfo",),
    "two-units.iblinkinfo-line": ("iblinkinfo", "--line"),
}


@pytest.fixture
def simulator(tmp_path):
    """Starts simulators, and stops them in the end."""
    started = []

    def start(net):
        started.append(Simulator(net, tmp_path))
        return started[-1]

    yield start
    for each in started:
        each.stop()


def graph(site):
    """Parallel links by ends and bandwidth."""
    count = Counter()
    for link in site.links:
        count[tuple(sorted(link.ends)), link.bytes_per_s] += link.count
    return count


def imported(module, text):
    """The site that a module makes of a text, with its tiers."""
    source = Source("printed", text)
    assert module.recognises(source)
    return derive(module.read(source))


def test_fixtures_are_what_the_programs_print(simulator):
    """Each fixture is, but for its date, what the real program prints of the net beside it."""
    fabric = simulator(FOLDER / "two-units.net")
    fabric.assign_lids()
    for name, command in PROGRAMS.items():
        module = ibnetdiscover if command[0] == "ibnetdiscover" else iblinkinfo
        assert graph(imported(module, fabric.run(*command))) == graph(imported(module, recorded(name).text))


def test_list_of_ports(simulator):
    """The list of ports that ibnetdiscover prints with --ports tells of the same fabric."""
    fabric = simulator(FOLDER / "two-units.net")
    fabric.assign_lids()
    printed = fabric.run("ibnetdiscover", "--ports")
    assert graph(imported(ibnetdiscover, printed)) == graph(
        imported(ibnetdiscover, recorded("two-units.ibnetdiscover").text)
    )


def test_both_programs_give_the_same_site(simulator, tmp_path):
    """Of four units with four rails and three links missing both programs tell what the net says."""
    net = tmp_path / "net"
    net.write_text(written_net())
    fabric = simulator(net)
    own = imported(ibnetdiscover, net.read_text())
    one, other = (
        imported(module, fabric.run(name))
        for module, name in ((ibnetdiscover, "ibnetdiscover"), (iblinkinfo, "iblinkinfo"))
    )
    assert graph(one) == graph(other) == graph(own)
    for site in (one, other):
        assert site.tiers == ["unit"]
        assert {name: host.groups for name, host in site.hosts.items()} == {
            name: host.groups for name, host in own.hosts.items()
        }
        assert sorted(site.uplink_bytes_per_s["unit"].values()) == [16 * 25e9 - 3 * 25e9] + [16 * 25e9] * 3


def written_net(units=4, rails=4, hosts=4, spines=4, lost=3):
    """A net for ibsim: a leaf for each rail of a unit, one link to each spine but for `lost` of unit 0."""
    records = {}
    cut = {(0, rail, 0) for rail in range(lost)}

    def cable(one, port, other, far):
        records.setdefault(one, []).append(f'[{port}]\t"{other}"[{far}] # "peer" lid 0 4xHDR')
        records.setdefault(other, []).append(f'[{far}]\t"{one}"[{port}] # "peer" lid 0 4xHDR')

    for unit in range(units):
        for rail in range(rails):
            leaf = f"S-{0x10000 + unit * 256 + rail:016x}"
            for host in range(hosts):
                cable(leaf, host + 1, f"H-{0x20000 + unit * 4096 + host * 256 + rail * 16:016x}", 1)
            for spine in range(spines):
                if (unit, rail, spine) not in cut:
                    cable(leaf, hosts + spine + 1, f"S-{0x30000 + spine:016x}", unit * rails + rail + 1)
    return "\n".join(_record(key, ports) for key, ports in records.items())


def _record(key, ports):
    number = int(key.partition("-")[2], 16)
    if key.startswith("H"):
        unit, host, rail = number // 4096 % 16, number // 256 % 16, number // 16 % 16
        head = f'caguid=0x{key[2:]}\nCa\t1 "{key}"\t# "u{unit}-n{host} mlx5_{rail}"'
    else:
        name = f"spine{number % 16}" if number >= 0x30000 else f"leaf{number // 256 % 16}-{number % 16}"
        head = f'switchguid=0x{key[2:]}\nSwitch\t40 "{key}"\t# "{name}" base port 0 lid 0 lmc 0'
    return "\n".join((head, *ports)) + "\n"


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="ibsim's example nets are not installed")
@pytest.mark.parametrize(
    "name", ["net", "net.1", "net.2sw2path", "net.2sw2path4hca", "net.2sw2path4hca2port"]
)
def test_nets_that_others_wrote(simulator, name):
    """The nets that come with ibsim load, and both programs tell of as many links of them."""
    fabric = simulator(EXAMPLES / name)
    fabric.assign_lids()
    one = imported(ibnetdiscover, fabric.run("ibnetdiscover"))
    other = imported(iblinkinfo, fabric.run("iblinkinfo"))
    assert one.hosts
    assert sum(link.count for link in one.links) == sum(link.count for link in other.links) > 0
    assert len(one.switches) == len(other.switches)
