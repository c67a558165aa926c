"""How many copies of a token leave for other scale-up domains where its experts lie close to each other."""

from __future__ import annotations

from functools import lru_cache
from math import comb
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.workload.model import Experts


@lru_cache(maxsize=1024)
def sent_share(experts: Experts | None, domains: int) -> float:
    """Copies of a token that are sent to other domains, over those that one for each of its experts would be.

    Where routing is limited to some groups of experts, a domain gets one copy of a token, and hands it on to
    all of the token's experts there (DeepSeek-V3, sections 2.1.2 and 3.2.2). Of G groups the experts of a
    token are k of g, all as likely as each other; the share is then the mean number of domains with one of
    them over k. Without a limit each expert is sent a copy of its own, and the share is 1.

    Parameters
    ----------
    domains
        Scale-up domains over which experts are spread, as many in each.
    """
    if experts is None or not experts.is_limited or domains == 1:
        return 1.0
    return min(1.0, domains * _touched(experts, domains) / experts.top_k)


def _touched(experts: Experts, domains: int) -> float:
    """How likely a domain has one of a token's experts."""
    groups, chosen, of_group = experts.groups, experts.top_groups, experts.count // experts.groups
    held = max(1, groups // domains)
    of_domain = of_group if domains <= groups else max(1, experts.count // domains)
    candidates = chosen * of_group
    missed = 0.0
    for here in range(min(held, chosen) + 1):
        likely = comb(held, here) * comb(groups - held, chosen - here) / comb(groups, chosen)
        others = comb(candidates - here * of_domain, experts.top_k) / comb(candidates, experts.top_k)
        missed += likely * others
    return 1 - missed
