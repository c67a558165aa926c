"""NCCL's and RCCL's topologies: links, slots, adapters, and the files of clouds."""

from __future__ import annotations

from pathlib import Path

import pytest

from planner.errors import InputError
from planner.formats.importers import nccl
from planner.formats.site.site import Source
from tests.formats.importers import trees
from tests.formats.importers.fixtures import source

SAMPLES = Path(__file__).parents[4] / "shared/data/samples/nccl"


def _read(text):
    return nccl.read(Source("topo.xml", text))


def _codes(site):
    return [problem.code for problem in site.findings]


def test_what_nccl_dumped_in_a_virtual_machine():
    """Switches are hidden and slots without width there; the only adapter is slow and kept."""
    dump = source("nccl/four-hidden-switches.xml")
    assert nccl.recognises(dump)
    site = nccl.read(dump)
    assert (site.node.gpus, site.node.gpu_model, site.node.scale_up_bytes_per_s) == (4, "h200", 450e9)
    assert [(nic.name, nic.bytes_per_s) for nic in site.node.nics] == [("eth0", 1.25e9)]
    assert site.findings == []
    assert site.assumptions == ["NICs of 10 Gb/s carry the traffic of training, since none is faster"]


def test_a_node_with_an_adapter_for_each_gpu():
    """Speeds are Mb/s, and nothing is left to assume."""
    site = _read(trees.nccl())
    assert (site.node.gpus, site.node.gpu_model, site.node.scale_up_bytes_per_s) == (8, "h100", 450e9)
    assert [(nic.name, nic.bytes_per_s, nic.rail) for nic in site.node.nics] == [
        (f"mlx5_{n}", 50e9, n) for n in range(8)
    ]
    assert (site.findings, site.assumptions) == ([], [])


def test_adapters_come_in_the_order_of_their_gpus():
    """By the bridge they share, not by their names."""
    site = _read(trees.nccl(4, order=[3, 2, 1, 0]))
    assert [nic.name for nic in site.node.nics] == ["mlx5_3", "mlx5_2", "mlx5_1", "mlx5_0"]
    assert "order of the GPUs" in site.assumptions[0]


def test_gpus_come_in_the_order_of_the_driver():
    """The attribute dev counts, not the place in the file."""
    text = trees.nccl(4).replace('dev="0" sm', 'dev="9" sm')
    assert [nic.name for nic in _read(text).node.nics] == ["mlx5_1", "mlx5_2", "mlx5_3", "mlx5_0"]


def test_a_gpu_without_nvlink():
    """It is out of service, and told at its own line."""
    site = _read(trees.nccl(few={2: 0}))
    assert _codes(site) == ["I062"]
    assert "0000:21:00.0" in site.findings[0].position.text
    assert list(site.node.gpus_down) == [2]


def test_a_gpu_with_fewer_links():
    """The node has the bandwidth of its worst GPU."""
    site = _read(trees.nccl(few={2: 9}))
    assert _codes(site) == ["I063"]
    assert site.node.scale_up_bytes_per_s == 225e9


def test_models_that_are_no_presets():
    """What a GPU can compute names it, and gives its links their bandwidth."""
    text = trees.nccl(8, links=6, sm=70).replace(' device="0x2330"', "")
    node = _read(text).node
    assert (node.gpu_model, node.scale_up_bytes_per_s) == ("sm_70", 150e9)
    arm = trees.nccl(4, sm=100).replace(' device="0x2330"', "").replace("x86_64", "arm64")
    assert _read(arm).node.gpu_model == "gb200"


def test_amd_gpus():
    """Version 2, with xgmi to each other GPU and the model by its instruction set."""
    text = trees.nccl(8, version=2, kind="xgmi").replace(' sm="90"', ' sm="304" gcn="gfx942"')
    text = text.replace('vendor="0x10de" device="0x2330" ', "")
    site = _read(text)
    assert (site.node.gpu_model, site.node.scale_up_bytes_per_s, site.findings) == ("mi300x", 448e9, [])


def test_clouds_list_devices_alone():
    """Bridges with GPUs and adapters, whose links, speeds and names are not known."""
    pci = '<pci busid="%04x:00:00.0" class="%s" link_speed="32.0 GT/s PCIe" link_width="16"/>'
    pairs = "".join(
        f'<pci busid="ffff:ff:{n + 1:02x}.0" class="0x060400">{pci % (n, "0x030200")}'
        f"{pci % (256 + n, '0x020700')}</pci>"
        for n in range(8)
    )
    node = _read(f'<system version="1"><cpu numaid="0">{pairs}</cpu></system>').node
    assert (node.gpus, node.gpu_model, node.scale_up_bytes_per_s) == (8, None, None)
    assert [(nic.name, nic.bytes_per_s) for nic in node.nics] == [("", None)] * 8


def test_slow_and_virtual_adapters_are_left_out():
    """Where better ones are there."""
    slow = '<nic><net name="eth0" dev="8" speed="25000" port="0" guid="0x0"/></nic>'
    virtual = (
        '<pci busid="0000:e0:00.0" class="0x020000" vendor="0x15b3" device="0x101e">'
        '<nic><net name="mlx5_8" dev="9" speed="400000" port="1" guid="0x9"/></nic></pci>'
    )
    site = _read(trees.nccl().replace("  </cpu>", f"{slow}{virtual}</cpu>", 1))
    assert [nic.name for nic in site.node.nics] == [f"mlx5_{n}" for n in range(8)]
    assert "eth0, mlx5_8" in site.assumptions[0]


def test_hosts_that_share_nvlink():
    """Of several in one dump the first is read, and it is told how many there are."""
    cpus = "".join(
        trees.nccl(4).partition("\n")[2].rpartition("</system>")[0].replace("<cpu ", f'<cpu host_hash="{n}" ')
        for n in range(3)
    )
    site = _read(f'<system version="1">\n{cpus}</system>')
    assert (site.node.gpus, len(site.node.nics), _codes(site)) == (4, 4, ["I074"])
    assert "3 hosts" in site.findings[0].message


def test_version_that_is_not_known():
    """It is read all the same, and told."""
    site = _read(trees.nccl().replace('version="1"', 'version="3"'))
    assert (_codes(site), site.node.gpus) == (["I072"], 8)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("<system version='1'><cpu></cpu></system>", "I060"),
        ("<system version='1'><cpu>", "I061"),
        ("<topology version='1'><cpu/></topology>", "I061"),
        ("", "I061"),
        ('<!DOCTYPE s [<!ENTITY a "b">]><system version="1">&a;</system>', "I061"),
    ],
)
def test_what_cannot_be_read(text, code):
    """An error with a code and a position."""
    with pytest.raises(InputError, match=code) as caught:
        _read(text)
    assert caught.value.problems[0].position is not None


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples are not here")
@pytest.mark.parametrize(
    ("name", "gpus", "model", "nics", "codes"),
    [
        ("ndv5-topo.xml", 8, None, 8, []),
        ("p4d-24xl-topo.xml", 8, "a100", 4, []),
        ("topo_8p_940.xml", 8, "mi300x", 8, []),
        ("topo_4p4h.xml", 16, "gfx908", 16, ["I070"]),
    ],
)
def test_samples(name, gpus, model, nics, codes):
    """Files that others wrote."""
    sample = Source(name, (SAMPLES / name).read_text())
    assert nccl.recognises(sample)
    site = nccl.read(sample)
    assert (site.node.gpus, site.node.gpu_model, len(site.node.nics)) == (gpus, model, nics)
    assert _codes(site) == codes
