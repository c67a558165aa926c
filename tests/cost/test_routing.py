"""How many copies of a token leave for other domains, against routing many tokens."""

from __future__ import annotations

import numpy as np
import pytest

from planner.cost.routing import sent_share
from planner.workload.model import Experts

LIMITED = Experts(count=64, top_k=6, ffn=1, groups=8, top_groups=3)


def routed(experts, domains, tokens=20_000):
    """Domains with an expert of a token over its experts, where all that routing allows is as likely."""
    random = np.random.default_rng(0)
    of_group = experts.count // experts.groups
    scores = random.random((tokens, experts.count))
    groups = random.random((tokens, experts.groups)).argsort(axis=1)[:, : experts.top_groups]
    allowed = (np.arange(experts.count)[None, None, :] // of_group == groups[:, :, None]).any(axis=1)
    chosen = np.where(allowed, scores, -1).argsort(axis=1)[:, -experts.top_k :]
    at = chosen * domains // experts.count
    return np.mean([len(set(each)) for each in at.tolist()]) / experts.top_k


@pytest.mark.parametrize("domains", [2, 4, 8, 16, 32])
def test_share_is_what_routing_gives(domains):
    """Whether a domain holds several groups, one, or a part of one."""
    assert sent_share(LIMITED, domains) == pytest.approx(routed(LIMITED, domains), rel=0.01)


def test_without_a_limit_each_expert_is_sent_a_copy():
    """And where all experts are in one domain nothing is sent to others."""
    assert sent_share(Experts(count=64, top_k=6, ffn=1), 8) == 1
    assert sent_share(None, 8) == 1
    assert sent_share(LIMITED, 1) == 1


def test_a_token_is_sent_to_as_many_domains_as_it_may_have_groups():
    """DeepSeek-V3 on nodes of one group each: to fewer than four of them, where eight experts have a copy."""
    experts = Experts(count=256, top_k=8, ffn=2048, groups=8, top_groups=4)
    assert 3.5 / 8 < sent_share(experts, 8) < 4 / 8
