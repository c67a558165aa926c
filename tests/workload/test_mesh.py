"""From ranks to coordinates and back."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.workload.mesh import DEFAULT_RANK_ORDER, Mesh

DEGREES = st.integers(1, 4)


@st.composite
def meshes(draw):
    """Meshes of up to 256 ranks in any order, with an ep that divides cp * dp."""
    tp, cp, dp, pp = (draw(DEGREES) for _ in range(4))
    ep = draw(st.sampled_from([e for e in range(1, cp * dp + 1) if (cp * dp) % e == 0]))
    order = tuple(draw(st.permutations(DEFAULT_RANK_ORDER)))
    return Mesh(tp=tp, cp=cp, ep=ep, dp=dp, pp=pp, rank_order=order)


def groups(mesh, axis):
    """Groups of ranks that differ along `axis` only, each sorted."""
    others = {"ep": ("tp", "pp", "edp"), "edp": ("tp", "pp", "ep")}
    fixed = others.get(axis, tuple(a for a in ("tp", "cp", "dp", "pp") if a != axis))
    ranks = np.arange(mesh.world_size)
    keys = list(zip(*(mesh.coordinate(a, ranks) for a in fixed), strict=True))
    found = {}
    for rank, key in enumerate(keys):
        found.setdefault(key, []).append(rank)
    return sorted(found.values())


def megatron_groups(sizes, order, axis):
    """Groups as Megatron-Core's documented order says: axes left to right, leftmost fastest."""
    places = itertools.product(*(range(sizes[a]) for a in reversed(order)))
    found = {}
    for rank, place in enumerate(places):
        at = dict(zip(reversed(order), place, strict=True))
        found.setdefault(tuple(v for a, v in at.items() if a != axis), []).append(rank)
    return sorted(found.values())


@given(meshes())
def test_rank_and_coordinates_are_a_bijection(mesh):
    """Coordinates of every rank lead back to it, and no two ranks share them."""
    ranks = np.arange(mesh.world_size)
    coordinates = {axis: mesh.coordinate(axis, ranks) for axis in ("tp", "cp", "dp", "pp")}
    assert (mesh.rank(coordinates) == ranks).all()
    assert len(set(zip(*(c.tolist() for c in coordinates.values()), strict=True))) == mesh.world_size


@given(meshes())
def test_folded_coordinates_cover_every_pair_once(mesh):
    """Each (tp, pp, ep, edp) belongs to one rank."""
    ranks = np.arange(mesh.world_size)
    axes = [mesh.coordinate(axis, ranks).tolist() for axis in ("tp", "pp", "ep", "edp")]
    assert len(set(zip(*axes, strict=True))) == mesh.world_size
    assert max(axes[2]) == mesh.ep - 1
    assert max(axes[3]) == mesh.edp - 1


@given(meshes())
def test_coordinates_of_one_rank_agree_with_those_of_many(mesh):
    """`coordinates` says of the last rank what `coordinate` says."""
    last = mesh.world_size - 1
    assert mesh.coordinates(last) == {
        axis: int(mesh.coordinate(axis, np.arange(mesh.world_size))[last])
        for axis in ("tp", "cp", "ep", "pp", "dp")
    }


@pytest.mark.parametrize("axis", ["tp", "cp", "dp", "pp"])
@pytest.mark.parametrize("order", [("tp", "cp", "ep", "dp", "pp"), ("tp", "cp", "ep", "pp", "dp")])
def test_groups_of_megatron_orders(order, axis):
    """Groups in both of Megatron's orders are those of its rule."""
    mesh = Mesh(tp=2, cp=2, dp=3, pp=4, rank_order=order)
    dense = tuple(a for a in order if a != "ep")
    assert groups(mesh, axis) == megatron_groups({"tp": 2, "cp": 2, "dp": 3, "pp": 4}, dense, axis)


@pytest.mark.parametrize(("axis", "theirs"), [("ep", "ep"), ("edp", "dp")])
@pytest.mark.parametrize(("cp", "ep", "dp"), [(1, 4, 8), (2, 4, 4), (4, 2, 2), (2, 8, 4)])
def test_expert_groups_of_megatron(cp, ep, dp, axis, theirs):
    """With pp last, expert groups are those of Megatron's second generator: cp 1 and dp = edp."""
    mesh = Mesh(tp=2, cp=cp, ep=ep, dp=dp, pp=2)
    sizes = {"tp": 2, "ep": ep, "dp": cp * dp // ep, "pp": 2}
    assert groups(mesh, axis) == megatron_groups(sizes, ("tp", "ep", "dp", "pp"), theirs)


def test_expert_groups_by_hand():
    """tp 1, cp 2, dp 4, ep 4: ranks 0 to 3 are an expert group, and 0 and 4 hold the same experts."""
    mesh = Mesh(cp=2, ep=4, dp=4)
    assert groups(mesh, "ep") == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert groups(mesh, "edp") == [[0, 4], [1, 5], [2, 6], [3, 7]]


def test_fold_follows_the_rank_order():
    """With dp before cp in the order the fold runs along dp first."""
    mesh = Mesh(cp=2, ep=2, dp=2, rank_order=("tp", "dp", "ep", "cp", "pp"))
    assert mesh.fold_order == ("dp", "cp")
    assert groups(mesh, "ep") == [[0, 1], [2, 3]]
