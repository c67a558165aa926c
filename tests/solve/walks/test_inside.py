"""Walks inside many domains: what each holds stays in it, arrays stay true, and chunks change nothing."""

from __future__ import annotations

import numpy as np
import pytest

from planner.solve.reduction.reduction import reduce_costs
from planner.solve.reduction.tree import Tree, above_each
from planner.solve.setup.blocks import candidate_blocks
from planner.solve.setup.control import Control
from planner.solve.walks import inside, inside_kernel
from planner.solve.walks.anneal import costliest_cell, state_of
from planner.solve.walks.inside import Walk, walked_inside
from planner.solve.walks.top_down import costs_inside
from tests.builders import grid_workload
from tests.solve.grids import widths_of, widths_upwards
from tests.solve.subroutines import from_python
from tests.solve.walks.test_anneal import filled, tree_over

SEEDS = range(12)

state_inside = from_python(inside_kernel.state_inside)


def limits(**settings):
    """Limits that no walk here meets."""
    return Control(20.0, deterministic=True, **settings)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_a_domain_holds_stays_in_it(seed):
    """After walks inside the domains of any level each of them holds what it held, and rooms are kept."""
    _, tree, costs, widths = filled(seed)
    for index in range(1, len(tree.levels)):
        found = walked_inside(tree, costs, index, widths, Walk(3.0, 0.5, 30, 0.2, 0.5), seed, limits())
        before, after = widths_upwards(tree, widths), widths_upwards(tree, found)
        assert after[index].tolist() == before[index].tolist()
        assert all(
            (each.sum(axis=1) <= level.room).all() for level, each in zip(tree.levels, after, strict=True)
        )


@pytest.mark.parametrize("seed", SEEDS)
def test_cold_walks_never_cost_more(seed):
    """Where only gains are accepted no domain pays more inside than before."""
    _, tree, costs, widths = filled(seed)
    for index in range(1, len(tree.levels)):
        found = walked_inside(tree, costs, index, widths, Walk(1e-9, 1e-9, 50, 0.2, 0.5), seed, limits())
        before, after = (costs_inside(tree, costs, index, each) for each in (widths, found))
        assert (after <= before + 1e-9 * costliest_cell(costs)).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_threads_and_chunks_change_nothing(seed, monkeypatch):
    """Domain by domain, or in larger chunks by several threads, the same placement is found."""
    _, tree, costs, widths = filled(seed)
    how = Walk(3.0, 0.5, 30)
    one = walked_inside(tree, costs, 1, widths, how, seed, limits())
    monkeypatch.setattr(inside, "CHUNK", 1)
    several = walked_inside(tree, costs, 1, widths, how, seed, limits(workers=3))
    assert one.tolist() == several.tolist()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_state_of_one_domain_is_that_of_its_leaves(seed):
    """The arrays built for one domain alone are those that the whole cluster would get from numpy."""
    _, tree, costs, widths = filled(seed)
    levels = len(tree.levels) - 1
    whole = state_of(tree, costs, widths)
    around = np.stack([above_each(tree, index) for index in range(levels)])
    order = np.lexsort(around)
    around = np.ascontiguousarray(around[:, order])
    kinds = np.stack([level.kind[row] for level, row in zip(tree.levels, around, strict=False)])
    tables = whole.weights, whole.holding, whole.beside, whole.kept
    alone = state_inside(widths[order], tree.levels[0].room[order].astype(np.int32), around, kinds, *tables)
    for level, row in enumerate(alone.above):
        other = whole.above[level][order]
        assert alone.widths[row].tolist() == whole.widths[other].tolist()
        assert alone.kind[row].tolist() == whole.kind[other].tolist()
        assert alone.size[row].tolist() == whole.size[other].tolist()
        first = alone.begin[row]
        assert (around[level][first] == around[level]).all()
    cells = np.arange(len(alone.leaf_of))
    assert alone.cell_at[alone.leaf_of, alone.slot_of].tolist() == cells.tolist()
    assert np.bincount(alone.stage_of, minlength=costs.stages).tolist() == np.diff(alone.first).tolist()
    assert alone.used.tolist() == widths[order].sum(axis=1).tolist()


@pytest.mark.parametrize("seed", SEEDS)
def test_equal_domains_exchange_what_fits(seed):
    """Racks whose nodes stand in different orders exchange all they hold, and no node holds too much."""
    tree = tree_over([[[2, 5], [3, 3]], [[5, 2], [3, 3]], [[2, 5]]], 3, 11)
    job = grid_workload(dp=11, pp=3)
    costs = reduce_costs(job.families, candidate_blocks(job.mesh)[0])
    widths = widths_of(np.random.default_rng(seed), tree.levels[0].room, 3, 11)
    found = walked_inside(tree, costs, 3, widths, Walk(20.0, 5.0, 50, 0.9, 0.2), seed, limits())
    assert (found.sum(axis=1) <= tree.levels[0].room).all()
    assert found.sum(axis=0).tolist() == [11] * 3
    assert found.tolist() != widths.tolist()


def test_nothing_moves_once_told_to_stop():
    """After a stop all cells stay where they are."""
    _, tree, costs, widths = filled(2)
    control = limits()
    control.stop.set()
    assert walked_inside(tree, costs, 1, widths, Walk(3.0, 0.5, 30), 0, control).tolist() == widths.tolist()


def test_a_part_of_the_levels_is_a_tree_too():
    """Walks inside racks see racks alone: those of a tree that begins there are the same."""
    _, tree, costs, widths = filled(8)
    racks = widths_upwards(tree, widths)[1]
    found = walked_inside(Tree(tree.levels[1:]), costs, 1, racks, Walk(3.0, 0.5, 30), 0, limits())
    sums = np.zeros_like(widths_upwards(tree, widths)[2])
    np.add.at(sums, tree.levels[1].parent, found)
    assert sums.tolist() == widths_upwards(tree, widths)[2].tolist()
