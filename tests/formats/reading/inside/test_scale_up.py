"""Scale-up links of a node."""

from __future__ import annotations

from planner.formats.reading.inside.parts import SWITCH, Gpu
from planner.formats.reading.inside.scale_up import add_scale_up
from planner.formats.site.site import Site


def _site(*gpus):
    site = Site()
    add_scale_up(site, list(gpus))
    return site


def _codes(site):
    return [problem.code for problem in site.findings]


def test_a_single_gpu_and_unknown_links():
    """Neither says anything."""
    for site in (_site(Gpu(peers={})), _site(Gpu(), Gpu(peers={0: 1}))):
        assert (site.node.scale_up_bytes_per_s, site.node.scale_up_links, site.findings) == (None, None, [])


def test_links_of_known_bandwidth():
    """They add up, unless the model's own figure is known."""
    links = {SWITCH: 6}
    known = [Gpu(peers=links, link_bytes_per_s=25e9) for _ in range(4)]
    assert _site(*known).node.scale_up_bytes_per_s == 150e9
    assert _site(*(Gpu(model="h100", peers=links) for _ in range(4))).node.scale_up_bytes_per_s == 450e9
    assert _site(*(Gpu(peers=links) for _ in range(4))).node.scale_up_links == 6


def test_one_way_is_enough():
    """A link that only one end reports joins both."""
    site = _site(Gpu(peers={1: 2}), Gpu(peers={}), Gpu(peers={1: 2}))
    assert "I062" not in _codes(site)


def test_the_slowest_slot_counts():
    """Where nothing else joins the GPUs."""
    site = _site(*(Gpu(peers={}, slot_bytes_per_s=speed) for speed in (64e9, 32e9, 64e9)))
    assert site.node.scale_up_bytes_per_s == 32e9
    assert site.assumptions == [
        "32 GB/s between the GPUs of a node, as of PCIe slots, since no scale-up links join the GPUs"
    ]


def test_a_gpu_that_was_out_of_service_already():
    """The first reason stays."""
    gpus = [Gpu(peers={SWITCH: 18}) for _ in range(3)] + [Gpu(peers={}, down="lost")]
    assert _codes(_site(*gpus)) == ["I062"]
    assert gpus[3].down == "lost"
