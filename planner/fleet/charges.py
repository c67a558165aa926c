"""What a partition is charged for: domains that jobs send out of, and those they share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ortools.sat.python import cp_model

    from planner.fleet.flows import Flow
    from planner.fleet.partition import PartitionModel
    from planner.fleet.prices import Prices

PRICE_STEPS = 100_000
SHARES = 1_000


def charge(model: PartitionModel, prices: Prices) -> None:
    """Minimise what a partition is estimated to cost."""
    charges = _Charges(model, prices)
    terms = [term for tier in model.tiers[:-1] for term in (*charges.of_tier(tier), *charges.of_flows(tier))]
    # An estimate needs no more digits than the search is quick with.
    unit = max((abs(price) for price, _ in terms), default=0.0) / PRICE_STEPS or 1.0
    model.cp.minimize(sum(round(price / unit) * term for price, term in terms))


class _Charges:
    """Adds to a model who sends out of which domain, and yields what is to be paid for it."""

    def __init__(self, model: PartitionModel, prices: Prices) -> None:
        self.model = model
        self.prices = prices
        self.splits: dict[tuple[int, int], cp_model.IntVar] = {}

    def of_tier(self, tier: int) -> Iterator[tuple[float, cp_model.IntVar]]:
        """The charges of one tier, each a price and the variable that it is paid for."""
        sends = {job: self._senders(tier, job) for job in self.prices.order(tier)}
        for job in self.model.jobs:
            price = self.prices.touch(tier, job)
            each = self.prices.touch_each(tier, job, len(sends[job]))
            yield from zip(each, sends[job].values(), strict=True)
            if (tier, job) in self.splits:
                # Of the domains that a job could have done without, the first costs nothing.
                yield -price, self.splits[tier, job]
        order = list(sends)
        for at, job in enumerate(order):
            for domain, sent in sends[job].items():
                others = [sends[each][domain] for each in order[:at] if domain in sends[each]]
                if others:
                    yield self.prices.share(tier, job), self._both(sent, others)

    def of_flows(self, tier: int) -> Iterator[tuple[float, cp_model.LinearExprT]]:
        """What flows are charged at a tier.

        All weights of a flow are taken to come into each domain that needs some and holds none; of what
        goes from copy to copy, that stays at home which sender and receiver have in equal shares.
        """
        for flow, seconds in self.prices.flows:
            for domain in self.model.region.domains[tier]:
                takes = self.model.holders(tier, domain, [flow.target])
                sends = self.model.holders(tier, domain, [flow.source])
                if not takes:
                    continue
                if flow.kind == "weights":
                    comes_in = self.model.cp.new_bool_var("")
                    self.model.cp.add(sum([*sends, comes_in]) >= takes[0])
                    yield float(seconds[tier]), comes_in
                elif sends:
                    yield -float(seconds[tier]) / SHARES, self._at_home(flow, tier, domain)

    def _at_home(self, flow: Flow, tier: int, domain: int) -> cp_model.IntVar:
        """Ensures that no more stays in a domain than sender and receiver both have there, of `SHARES`."""
        model, at_home = self.model, self.model.cp.new_int_var(0, SHARES, "")
        for job in (flow.source, flow.target):
            if job in model.ground.running_in:
                held = model.ground.held_by_running(job, tier, domain)
                model.cp.add(at_home * self.prices.ranks[job] <= SHARES * held)
            else:
                model.cp.add(at_home * self.prices.ranks[job] <= SHARES * model.gpus[tier, domain, job])
        return at_home

    def _both(self, sent: cp_model.IntVar, others: list[cp_model.IntVar]) -> cp_model.IntVar:
        """Ensures that a job which sends out of a domain beside one of more traffic is charged for it."""
        shares = self.model.cp.new_bool_var("")
        for other in others:
            self.model.cp.add_bool_or([~sent, ~other, shares])
        return shares

    def _senders(self, tier: int, job: int) -> dict[int, cp_model.IntVar]:
        """For each domain that a job may send out of whether it does: it is there, and elsewhere too."""
        model = self.model
        if job in model.ground.running_in:
            touched = model.ground.running_in[job][tier]
            domains = [each for each in model.region.domains[tier] if touched[each]]
            return {each: model.cp.new_constant(1) for each in domains if touched.sum() > 1}
        present = {
            domain: model.present[tier, domain, job]
            for domain in model.region.domains[tier]
            if (tier, domain, job) in model.present
        }
        if self.prices.split(tier, job) or model.ranks.get(job, 0) < self.prices.ranks[job]:
            return present
        split = self.splits[tier, job] = model.cp.new_bool_var("")
        model.cp.add(sum(present.values()) <= 1 + len(present) * split)
        sends = {domain: model.cp.new_bool_var("") for domain in present}
        for domain, sent in sends.items():
            model.cp.add_bool_or([~present[domain], ~split, sent])
        return sends
