"""hwloc's XML: GPUs and adapters by the bridges that they are below."""

from __future__ import annotations

from pathlib import Path

import pytest

from planner.errors import InputError
from planner.formats.importers import hwloc
from planner.formats.site.site import Source
from tests.formats.importers.fixtures import source

SAMPLE = Path(__file__).parents[4] / "shared/data/samples/hwloc/nvidiaDGX2.xml"


def _text():
    return source("hwloc/four.xml").text


def _version_3():
    """Version 3 writes kinds of devices as bits, and has words in the PCI type."""
    text = _text().replace('version="2.0"', 'version="3.0"').replace("] a1", "] a1 00")
    for old, new in (("3", "32"), ("2", "16"), ("5", "8"), ("1", "12")):
        text = text.replace(f'osdev_type="{old}"', f'osdev_type="v{new}"')
    return text.replace('osdev_type="v', 'osdev_type="')


VERSIONS = {"1": source("hwloc/four-version-1.xml").text, "2": _text(), "3": _version_3()}


@pytest.mark.parametrize("version", VERSIONS)
def test_versions(version):
    """The same node from every version that lstopo writes, under the name of its host."""
    report = Source("node.xml", VERSIONS[version])
    assert hwloc.recognises(report)
    site = hwloc.read(report)
    node = site.hosts["gpu01"].node
    assert (node.gpus, node.gpu_model, site.node.gpus) == (4, "h100", 4)
    assert [(nic.name, nic.bytes_per_s) for nic in node.nics] == [(f"mlx5_{n}", None) for n in (1, 0, 2, 3)]


def test_links_are_measured():
    """Version 2 holds the bandwidth of NVLink; what the model has when whole is taken."""
    assert hwloc.read(Source("x", _text())).node.scale_up_bytes_per_s == 450e9
    other = _text().replace("NVIDIA H100 80GB HBM3", "Tesla V100-SXM3-32GB").replace("10de:2330", "10de:1db8")
    node = hwloc.read(Source("x", other.replace("150000", "50000"))).node
    assert (node.gpu_model, node.scale_up_bytes_per_s) == ("Tesla V100-SXM3-32GB", 150e9)


def test_a_port_that_is_not_active():
    """It is told where the adapter stands, and is out of service on that host alone."""
    site = hwloc.read(Source("x", _text()))
    assert [problem.code for problem in site.findings] == ["I066"]
    assert "0000:17:00.0" in site.findings[0].position.text
    assert [nic.down is not None for nic in site.hosts["gpu01"].node.nics] == [False, False, False, True]
    assert all(nic.down is None for nic in site.node.nics)


def test_adapters_are_in_the_order_of_their_gpus():
    """And interfaces without RDMA are left out."""
    told = hwloc.read(Source("x", _text())).assumptions
    assert told == [
        "adapters left out, since they are network interfaces without RDMA: eno1",
        "NICs in the order of the GPUs that they are nearest to: mlx5_1, mlx5_0, mlx5_2, mlx5_3",
    ]


def test_gpus_without_their_driver():
    """PCI devices of the makers of GPUs count, and the display of the board does not."""
    text = (
        _text().replace('name="nvml', 'name="x').replace('name="cuda', 'name="y').replace("GPUModel", "Was")
    )
    site = hwloc.read(Source("x", text))
    assert (site.node.gpus, site.node.gpu_model) == (4, "h100")


def test_opencl_shows_processors_too():
    """They are no GPUs."""
    text = _text().replace('name="cuda', 'name="opencl1d').replace('name="nvml', 'name="x')
    text = text.replace('value="CUDA"/>', 'value="OpenCL"/><info name="OpenCLDeviceType" value="GPU"/>')
    assert hwloc.read(Source("x", text)).node.gpus == 4


def test_a_machine_without_gpus():
    """Its adapters are read, and it is told that there is no GPU."""
    text = _text().replace("10de:2330", "1b36:0001").replace('name="nvml', 'name="x').replace('"cuda', '"y')
    site = hwloc.read(Source("x", text))
    assert site.findings[0].code == "I060"
    assert (site.node.gpus, len(site.node.nics)) == (None, 4)


def test_nothing_of_the_kind():
    """A machine without either is refused, and so is XML that ends early."""
    with pytest.raises(InputError, match="I060"):
        hwloc.read(Source("x", '<topology version="2.0"><object type="Machine"/></topology>'))
    with pytest.raises(InputError, match="I061"):
        hwloc.read(Source("x", _text()[:3000]))


@pytest.mark.skipif(not SAMPLE.is_file(), reason="the samples are not here")
def test_sample():
    """A file that others wrote: sixteen GPUs with six links each to switches."""
    sample = Source("dgx2.xml", SAMPLE.read_text())
    assert hwloc.recognises(sample)
    node = hwloc.read(sample).node
    assert (node.gpus, node.gpu_model, node.scale_up_bytes_per_s) == (16, "Tesla V100-SXM3-32GB-H", 150e9)
