"""Which adapters become NICs, and in which order."""

from __future__ import annotations

from planner.formats.reading.inside.nics import add_nics
from planner.formats.reading.inside.parts import Adapter, Gpu, Near
from planner.formats.site.site import Site


def _site(gpus, *adapters):
    site = Site()
    add_nics(site, [Gpu() for _ in range(gpus)], list(adapters))
    return site


def _adapter(name, *near, speed=None, **rest):
    """An adapter below one bridge with some GPUs."""
    return Adapter(name, speed, {gpu: Near.PIX if gpu in near else Near.SYS for gpu in range(8)}, **rest)


def _names(site):
    return [nic.name for nic in site.node.nics]


def test_none_at_all():
    """A source without adapters says nothing of NICs."""
    assert _site(8).node.nics is None


def test_only_ones_set_aside():
    """Where there is nothing else they carry the traffic."""
    site = _site(2, _adapter("a", 0, aside="they are virtual functions"))
    assert (_names(site), site.assumptions) == (["a"], [])


def test_each_reason_is_told_apart():
    """Set aside, slow, and near to no GPU."""
    site = _site(
        2,
        _adapter("a", 0, speed=50e9),
        _adapter("b", 1, speed=50e9),
        _adapter("v", 0, speed=50e9, aside="they are virtual functions"),
        _adapter("s", 1, speed=12.5e9),
        _adapter("f", speed=50e9),
    )
    assert _names(site) == ["a", "b"]
    assert site.assumptions == [
        "adapters left out, since they are virtual functions: v",
        "adapters left out, since they are far slower than the fastest: s",
        "adapters left out, since they are near to no GPU, others are: f",
    ]


def test_none_is_near():
    """In a virtual machine all are kept, in the order of the GPUs of their processor."""
    near = {"a": {0: Near.SYS, 1: Near.NODE}, "b": {0: Near.NODE, 1: Near.SYS}}
    site = _site(2, *(Adapter(name, near=each) for name, each in near.items()))
    assert _names(site) == ["b", "a"]


def test_one_more_beside_one_gpu():
    """As one for storage: each GPU keeps as many as the GPU with fewest."""
    site = _site(2, _adapter("a", 0), _adapter("b", 0), _adapter("c", 1))
    assert _names(site) == ["a", "c"]
    assert site.assumptions[0].endswith("as virtual functions do: b")


def test_one_of_two_is_missing():
    """Two GPUs share two adapters, as all others do, and one of them is gone."""
    site = _site(8, *(_adapter(f"a{n}", n // 2 * 2, n // 2 * 2 + 1) for n in range(8) if n != 5))
    assert _names(site) == ["a0", "a1", "a2", "a3", "a4", "", "a6", "a7"]
    assert [problem.message for problem in site.findings] == ["GPUs 4, 5 have 1 NIC near, and others have 2"]


def test_both_of_two_are_missing():
    """GPUs that share no adapter, among others that share two."""
    site = _site(8, *(_adapter(f"a{n}", n // 2 * 2, n // 2 * 2 + 1) for n in range(8) if n // 2 != 1))
    assert _names(site) == ["a0", "a1", "", "", "a4", "a5", "a6", "a7"]
    assert [problem.code for problem in site.findings] == ["I065", "I065"]


def test_more_than_gpus_beside_a_processor():
    """Where bridges tell nothing, each GPU of a processor still gets a whole number of them."""
    near = [{gpu: Near.NODE if gpu // 2 == nic // 3 else Near.SYS for gpu in range(4)} for nic in range(6)]
    site = _site(4, *(Adapter(f"a{n}", near=each) for n, each in enumerate(near)))
    assert _names(site) == ["a0", "a1", "a3", "a4"]
    assert site.findings == []


def test_four_known_ones_beside_each_gpu():
    """Where speeds are known, all of them count."""
    site = _site(2, *(_adapter(f"e{n}", n // 8, speed=12.5e9) for n in range(16)))
    assert len(site.node.nics) == 16


def test_a_gpu_counted_with_another_nic():
    """GPUs share NICs evenly in order, and where that is not the nearest it is told."""
    site = _site(4, _adapter("a", 0, 2), _adapter("b", 1, 3))
    assert _names(site) == ["a", "b"]
    assert [told[:35] for told in site.assumptions] == [
        "GPU 1 is nearest to b but counted w",
        "GPU 2 is nearest to a but counted w",
    ]


def test_half_of_the_gpus_have_none():
    """That is how the node is built, and no hole in its rails."""
    site = _site(4, _adapter("a", 0), _adapter("b", 2))
    assert (_names(site), site.findings) == (["a", "b"], [])


def test_one_out_of_service():
    """It keeps its place, and is told."""
    site = _site(2, _adapter("a", 0, down="no port of it is active"), _adapter("b", 1))
    assert [nic.down for nic in site.node.nics] == ["no port of it is active", None]
    assert [problem.code for problem in site.findings] == ["I066"]
