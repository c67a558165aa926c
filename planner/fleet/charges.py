"""What a partition is charged for: domains that jobs send out of, and those they share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ortools.sat.python import cp_model

    from planner.fleet.partition import PartitionModel
    from planner.fleet.prices import Prices

PRICE_STEPS = 100_000


def charge(model: PartitionModel, prices: Prices) -> None:
    """Minimise what a partition is estimated to cost."""
    charges = _Charges(model, prices)
    terms = [term for tier in model.tiers[:-1] for term in charges.of_tier(tier)]
    # An estimate needs no more digits than the search is quick with.
    unit = max((price for price, _ in terms), default=0.0) / PRICE_STEPS or 1.0
    model.cp.minimize(sum(round(price / unit) * term for price, term in terms))


class _Charges:
    """Adds to a model who sends out of which domain, and yields what is to be paid for it."""

    def __init__(self, model: PartitionModel, prices: Prices) -> None:
        self.model = model
        self.prices = prices

    def of_tier(self, tier: int) -> Iterator[tuple[float, cp_model.IntVar]]:
        """The charges of one tier, each a price and the variable that it is paid for."""
        sends = {job: self._senders(tier, job) for job in self.prices.order(tier)}
        for job in self.model.jobs:
            yield from ((self.prices.touch(tier, job), sent) for sent in sends[job].values())
        order = list(sends)
        for at, job in enumerate(order):
            for domain, sent in sends[job].items():
                others = [sends[each][domain] for each in order[:at] if domain in sends[each]]
                if others:
                    yield self.prices.share(tier, job), self._both(sent, others)

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
        split = model.cp.new_bool_var("")
        model.cp.add(sum(present.values()) <= 1 + len(present) * split)
        sends = {domain: model.cp.new_bool_var("") for domain in present}
        for domain, sent in sends.items():
            model.cp.add_bool_or([~present[domain], ~split, sent])
        return sends
