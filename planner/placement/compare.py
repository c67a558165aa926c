"""One job in every order: what the planner's placement is worth beside what one gets without."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite
from typing import TYPE_CHECKING

from planner.placement.crossing import measure
from planner.placement.orders import (
    Order,
    axis_orders,
    default_orders,
    keeps_rules,
    random_orders,
)
from planner.placement.pool import available_gpus
from planner.placement.rails import has_rails, rail_changes

if TYPE_CHECKING:
    from planner.placement.placement import Objective, Placement

RANDOM_ORDERS = 11
PLANNER = "planner"


@dataclass(frozen=True)
class Row:
    """One order of the job.

    Parameters
    ----------
    name
        ``planner``, a framework, ``best-axes`` or ``random``.
    tier_bytes
        Crossing bytes of every tier, innermost first; empty where it does not apply.
    objective
        Value of the objective; None where it does not apply.
    weighted_s
        J, which decides between equal values; None where it does not apply.
    rail_changed_bytes
        Bytes that change rail between nodes; None where the order does not apply or there are no
        rails.
    ratio
        Objective over the planner's; None where that is 0 or the order does not apply.
    keeps_rules
        Whether the workload's ``keep`` rules hold.
    note
        Why it does not apply, or which of several orders it is.
    """

    name: str
    tier_bytes: tuple[float, ...]
    objective: float | None
    weighted_s: float | None
    rail_changed_bytes: float | None
    ratio: float | None
    keeps_rules: bool
    note: str | None = None


@dataclass(frozen=True)
class Comparison:
    """The job in every order, the planner's first.

    Parameters
    ----------
    objective
        What the values are of.
    tiers
        Names of the tiers, innermost first.
    rows
        One entry an order.
    """

    objective: Objective
    tiers: tuple[str, ...]
    rows: tuple[Row, ...]

    def document(self) -> dict[str, object]:
        """The comparison as plain data for ``--json``."""
        return {
            "objective": str(self.objective),
            "orders": [
                {
                    "name": row.name,
                    "tiers": [
                        {"tier": tier, "crossing_bytes": crossing}
                        for tier, crossing in zip(self.tiers, row.tier_bytes, strict=False)
                    ],
                    "rail_changed_bytes": row.rail_changed_bytes,
                    "objective": _finite(row.objective),
                    "ratio": _finite(row.ratio),
                    "keeps_rules": row.keeps_rules,
                    "applicable": row.objective is not None,
                    "note": row.note,
                }
                for row in self.rows
            ],
        }


def _finite(value: float | None) -> float | None:
    """A number that JSON can hold; `Comparison.document` gives null for an infinite one."""
    return value if value is not None and isfinite(value) else None


def compare(placement: Placement, *, seed: int = 0) -> Comparison:
    """Measure the placement's job in every framework's order.

    The best order of axes is the one with the least objective among those that keep the rules, or
    among all where none does; of the random orders the median is shown.

    Parameters
    ----------
    seed
        Of the random orders.
    """
    cluster, workload = placement.cluster, placement.workload
    available = available_gpus(cluster, workload.mesh.world_size)
    own = Order(
        PLANNER,
        placement.gpu_of_rank,
        None,
        keeps_rules(cluster, workload, placement.gpu_of_rank),
    )
    orders = [own, *default_orders(cluster, workload, available)]
    permuted = [(_row(placement, each), each) for each in axis_orders(cluster, workload, available)]
    best = min(permuted, key=lambda pair: (not pair[0].keeps_rules, *_rank(pair[0])))[1]
    drawn = random_orders(cluster, workload, available, seed=seed, count=RANDOM_ORDERS)
    ranked = sorted(((_row(placement, each), each) for each in drawn), key=lambda pair: _rank(pair[0]))
    median = ranked[len(ranked) // 2][1]
    orders.append(replace(best, name="best-axes", reason=f"{best.name}, best of {len(permuted)}"))
    orders.append(replace(median, name="random", reason=f"median of {len(ranked)}"))
    rows = [_with_rails(placement, _row(placement, each), each) for each in orders]
    tiers = tuple(tier.name for tier in cluster.tiers)
    return Comparison(placement.claims.objective, tiers, tuple(_with_ratio(row, rows[0]) for row in rows))


def _row(placement: Placement, order: Order) -> Row:
    if order.gpu_of_rank is None:
        return Row(order.name, (), None, None, None, None, keeps_rules=False, note=order.reason)
    traffic = measure(placement.cluster, placement.workload, order.gpu_of_rank)
    return Row(
        order.name,
        traffic.tier_bytes,
        traffic.value(placement.claims.objective),
        traffic.weighted_s,
        None,
        None,
        order.keeps_rules,
        order.reason,
    )


def _with_rails(placement: Placement, row: Row, order: Order) -> Row:
    if order.gpu_of_rank is None or not has_rails(placement.cluster):
        return row
    changes = rail_changes(replace(placement, gpu_of_rank=order.gpu_of_rank), proof=False)
    return replace(row, rail_changed_bytes=changes.changed_bytes)


def _rank(row: Row) -> tuple[float, float]:
    """What orders are ranked by: the objective, then J."""
    return (row.objective or 0.0, row.weighted_s or 0.0)


def _with_ratio(row: Row, planned: Row) -> Row:
    ratio = row.objective / planned.objective if planned.objective and row.objective is not None else None
    return replace(row, ratio=ratio)
