"""The integer program of Arnold (arXiv 2509.15940), solved by SCIP and by CP-SAT.

It places the pipeline groups of a job, all of one size, in *minipods*: a whole number of the cells of
group i goes to minipod j. It minimises ``alpha * (minipods used) + (1 - alpha) * (most minipods that
any one group touches)``: all minipods used are what a data-parallel group spreads over. Minipods have
the room of their nodes, and alpha is the share of the data-parallel bytes. The paper knows one tier;
here it is the outermost that has several domains, where a byte costs most, and with one tier the nodes.

What the program leaves open is filled in order: a group's stages run through its minipods one after
the other, and the cells of a minipod go to its nodes once replica by replica and once stage by stage.
The solver returns the best that it has after the time limit; OR-Tools brings both solvers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ortools.linear_solver import pywraplp
from ortools.sat.python import cp_model

from tests.benchmarks.peers.adapter import THREADS, Answer, Watch, main

TIME_LIMIT_S = 10.0
MOST_VARIABLES = 100_000
PERCENT = 100


@dataclass(frozen=True, eq=False)
class Program:
    """Groups and minipods.

    Parameters
    ----------
    groups
        Number of pipeline groups.
    size
        Cells of each.
    room
        Cells that each minipod holds, shape (minipods,).
    percent
        Weight of the minipods used (alpha), in percent.
    """

    groups: int
    size: int
    room: np.ndarray
    percent: int

    def pairs(self):
        """All pairs of a group and a minipod."""
        return [(group, pod) for group in range(self.groups) for pod in range(len(self.room))]

    def constrain(self, add, total, held, touched, used, spread):
        """State the program in either solver's terms; `add` takes a relation, `total` sums terms."""
        pods = range(len(self.room))
        for group in range(self.groups):
            add(total([held[group, pod] for pod in pods]) == self.size)
            add(total([touched[group, pod] for pod in pods]) <= spread)
        for pod in pods:
            add(total([held[group, pod] for group in range(self.groups)]) <= int(self.room[pod]))
        for group, pod in self.pairs():
            add(held[group, pod] <= self.size * touched[group, pod])
            add(touched[group, pod] <= used[pod])
        return self.percent * total(used) + (PERCENT - self.percent) * spread


def solve_cp_sat(program):
    """Cells of every group in every minipod, shape (groups, minipods); None where none were found."""
    model = cp_model.CpModel()
    held = {key: model.new_int_var(0, program.size, "") for key in program.pairs()}
    touched = {key: model.new_bool_var("") for key in program.pairs()}
    used = [model.new_bool_var("") for _ in program.room]
    spread = model.new_int_var(1, len(program.room), "")
    model.minimize(program.constrain(model.add, cp_model.LinearExpr.sum, held, touched, used, spread))
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = TIME_LIMIT_S
    solver.parameters.num_workers = THREADS
    if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    return _table(program, held, solver.value)


def solve_scip(program):
    """As `solve_cp_sat`."""
    solver = pywraplp.Solver.CreateSolver("SCIP")
    held = {key: solver.IntVar(0, program.size, "") for key in program.pairs()}
    touched = {key: solver.BoolVar("") for key in program.pairs()}
    used = [solver.BoolVar("") for _ in program.room]
    spread = solver.IntVar(1, len(program.room), "")
    solver.Minimize(program.constrain(solver.Add, solver.Sum, held, touched, used, spread))
    solver.SetTimeLimit(round(1000 * TIME_LIMIT_S))
    if solver.Solve() not in (pywraplp.Solver.OPTIMAL, pywraplp.Solver.FEASIBLE):
        return None
    return _table(program, held, lambda variable: round(variable.solution_value()))


def _table(program, held, value):
    """Values of `held`, shape (groups, minipods)."""
    return np.asarray([value(held[key]) for key in program.pairs()]).reshape(program.groups, -1)


SOLVERS = {"scip": solve_scip, "cp-sat": solve_cp_sat}


def percent_of(task):
    """Alpha in percent: the share of the data-parallel bytes, as far as both terms keep a weight."""
    return min(90, max(10, round(PERCENT * task.shared / (task.shared + task.passed))))


def minipods(job):
    """Minipod of every node: its domain at the outermost tier that has several."""
    return np.unique(next(d for d in job.domain[::-1] if len(set(d.tolist())) > 1), return_inverse=True)[1]


def seat(job, pod_of_node, held):
    """Both placements that follow from the cells of every group in every minipod."""
    task = job.task
    by_group = np.lexsort((task.stage, task.replica))
    pod = np.empty(task.cells, np.int64)
    pod[by_group] = np.concatenate([np.repeat(np.arange(len(row)), row) for row in held])
    nodes = np.argsort(pod_of_node, kind="stable")
    slots = np.repeat(nodes, task.room[nodes])
    starts = np.searchsorted(pod_of_node[slots], np.arange(held.shape[1]))
    for order in (np.lexsort((task.stage, task.replica, pod)), np.lexsort((task.replica, task.stage, pod))):
        first = np.searchsorted(pod[order], pod[order])
        node = np.empty(task.cells, np.int64)
        node[order] = slots[starts[pod[order]] + np.arange(task.cells) - first]
        yield node


def place(job, setting, _seed):
    """Two placements from one solution; `setting` is the solver."""
    pod_of_node, watch = minipods(job), Watch()
    room = np.bincount(pod_of_node, job.task.room).astype(np.int64)
    groups = int(job.task.replica.max()) + 1
    if 2 * groups * len(room) > MOST_VARIABLES:
        raise SystemExit(f"more than {MOST_VARIABLES:,} variables")
    program = Program(groups, job.task.cells // groups, room, percent_of(job.task))
    with watch:
        held = SOLVERS[setting](program)
    if held is None:
        raise SystemExit(f"no solution in {TIME_LIMIT_S:.0f} s")
    return [Answer(node, watch.seconds) for node in seat(job, pod_of_node, held)]


if __name__ == "__main__":
    main(place)
