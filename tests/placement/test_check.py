"""The independent checker: agrees with the crossing code, and names whatever was tampered with."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from pydantic import ValidationError

from planner.errors import InputError
from planner.placement.check import check
from planner.placement.crossing import measure
from planner.placement.file import from_bytes, to_bytes
from planner.placement.placement import Objective, Status
from tests.builders import claimed, grid_cluster, grid_workload
from tests.placement.instances import instances
from tests.placement.samples import other, replaced, reseal, sample, scalars


def codes(placement):
    """Codes of all findings, in order."""
    return [finding.code for finding in check(placement).findings]


def with_claims(placement, **changes):
    """The placement with other claims."""
    return replace(placement, claims=replace(placement.claims, **changes))


def moved(placement, rank, gpu):
    """The placement with one rank elsewhere."""
    gpus = placement.gpu_of_rank.copy()
    gpus[rank] = gpu
    return replace(placement, gpu_of_rank=gpus)


@pytest.mark.parametrize("objective", list(Objective))
def test_true_claims_hold(objective):
    """A placement whose claims were measured passes, in memory and from its file."""
    placement = sample(objective)
    assert check(placement).ok
    assert check(from_bytes(to_bytes(placement))).ok


@settings(max_examples=200)
@given(instances())
def test_agrees_with_the_crossing_code(instance):
    """Two ways of counting give the same bytes, seconds and bottleneck on random jobs."""
    cluster, workload, gpus = instance
    traffic = measure(cluster, workload, gpus)
    report = check(claimed(cluster, workload, gpus))
    assert report.ok, report.findings
    assert report.tier_bytes == pytest.approx(traffic.tier_bytes)
    assert report.weighted_s == pytest.approx(traffic.weighted_s)
    assert report.bottleneck_s == pytest.approx(traffic.bottleneck_s)


def test_rank_on_hardware_out_of_service():
    """The message names the rank with its coordinates, and the GPU by its path."""
    report = check(moved(sample(), 1, 3))
    assert report.findings[0].code == "K005"
    assert (
        report.findings[0].message == "rank 1 (tp 1, pp 0, dp 0) is on r00/n00/gpu3, which is out of service"
    )


def test_two_ranks_on_one_gpu():
    """Both ranks and the GPU are named."""
    placement = sample()
    finding = check(moved(placement, 5, placement.gpu_of_rank[4])).findings[0]
    assert finding.code == "K004"
    assert (
        "rank 4 (tp 0, pp 1, dp 0) and rank 5 (tp 1, pp 1, dp 0) are both on r00/n01/gpu0" in finding.message
    )


@pytest.mark.parametrize("gpu", [22, 10**6, -1])
def test_rank_on_a_gpu_that_is_not_there(gpu):
    """A GPU beyond the cluster is a finding, not a failure of the checker."""
    finding = check(moved(sample(), 7, gpu)).findings[0]
    assert (finding.code, "rank 7" in finding.message) == ("K003", True)


def test_too_few_ranks():
    """A table that is too short is told with both numbers."""
    placement = sample()
    short = replace(placement, gpu_of_rank=placement.gpu_of_rank[:-1])
    assert [finding.message for finding in check(short).findings] == [
        "15 ranks are placed, the workload has 16"
    ]


def test_spare_without_need():
    """A spare may be used only where the job does not fit on the others."""
    placement = sample()
    assert "K006" in codes(moved(placement, 15, 20))
    cluster = grid_cluster(2, 2, spare=(3,))
    workload = grid_workload(dp=4, families=[("dp", "all_reduce", 1)])
    assert check(claimed(cluster, workload, np.arange(4))).ok


def test_keep_rule():
    """The split group is named with the domains that its ranks are in."""
    placement = sample()
    gpus = placement.gpu_of_rank.copy()
    gpus[[1, 2]] = gpus[[2, 1]]
    report = check(replace(placement, gpu_of_rank=gpus))
    finding = next(each for each in report.findings if each.code == "K009")
    assert "keep tp: node is broken" in finding.message
    assert "rank 0 in r00/n00 and rank 1 in r01/n00" in finding.message


def test_keep_rule_of_an_unknown_tier():
    """A rule about a tier that the cluster does not have cannot hold."""
    placement = sample()
    elsewhere = replace(placement.workload, keep={"tp": "building"})
    finding = check(replace(placement, workload=elsewhere)).findings[0]
    assert finding.message == "keep tp: building names a tier that is none of node, rack, cluster"


def test_memory_of_a_stage():
    """A stage that needs more than the GPU has is named with both amounts."""
    placement = sample()
    large = replace(placement.workload, memory_bytes=(60e9, 50e9, 90e9, 60e9))
    finding = check(replace(placement, workload=large)).findings[0]
    assert finding.code == "K010"
    assert "rank 8 (tp 0, pp 2, dp 0) needs 9e+10 bytes, r00/n01/gpu2 has 8e+10" in finding.message


def test_each_claim():
    """Every claim that is not what the rank table gives has its own finding."""
    placement = sample()
    claims = placement.claims
    tiers = list(claims.tiers)
    tiers[0] = replace(tiers[0], crossing_bytes=tiers[0].crossing_bytes - 1)
    assert codes(with_claims(placement, tiers=tuple(tiers))) == ["K012"]
    tiers[0] = replace(claims.tiers[0], lower_bound_bytes=2 * tiers[0].crossing_bytes)
    assert codes(with_claims(placement, tiers=tuple(tiers))) == ["K014"]
    assert codes(with_claims(placement, tiers=claims.tiers[:-1])) == ["K011"]
    assert codes(with_claims(placement, weighted_s=claims.weighted_s * 1.001)) == ["K013"]
    assert codes(with_claims(placement, value=claims.value * 0.999)) == ["K013"]
    assert codes(with_claims(placement, lower_bound=claims.value * 1.001)) == ["K014"]
    assert codes(with_claims(placement, lower_bound=float("nan"))) == ["K014"]
    assert codes(with_claims(placement, status=Status.OPTIMAL)) == ["K016"]


def test_optimal_where_bound_is_reached():
    """A bound that equals the value earns the word."""
    placement = sample(bound=1.0)
    assert placement.claims.status is Status.OPTIMAL
    assert check(placement).ok


def test_every_rank_of_a_file():
    """Whatever GPU one rank of the file is moved to, with digests made to fit, is found."""
    document = json.loads(to_bytes(sample()))
    for rank, gpu in enumerate(document["ranks"]["gpu"]):
        for column, step in (("gpu", 1), ("node", 1), ("local_gpu", 1), ("nic", -1), ("rail", -1)):
            value = document["ranks"][column][rank]
            changed = replaced(document, ("ranks", column, rank), value + step if value else 1)
            found = check(from_bytes(reseal(changed))).findings
            assert found, f"rank {rank} on GPU {gpu}, column {column}"


NEUTRAL = (
    "planner_version",
    "claims.tiers.*.lower_bound_bytes",  # stays below the value; no checker can prove it
    "workload.name",
    "workload.mesh.ep",  # no family has experts
    "workload.mesh.vp",  # only says how the payloads came about
    "workload.families.*.name",
    "workload.families.0.payload_bytes.*",  # tp crosses nothing
    "workload.families.3.stages.0",  # stage 1 is as far from the last as stage 0
    "workload.memory_bytes.*",  # still fits
    "topology.name",
    "topology.authored_digest",
    "topology.tiers.*.domains.*.names",
    "topology.tiers.*.scale_up_bytes_per_s",
    "topology.gpu_kinds.0.*",
    "topology.gpu_kinds.0.tflops.bf16",
    "topology.node_shapes.*.nic_bytes_per_s.*",  # the uplinks are stated on their own
    "topology.spare.first.0",  # a spare less, and no rank on it
    "topology.host_names.*",
)


def is_neutral(path):
    """Whether no rule and no claim depends on the scalar at `path`."""
    return any(
        len(parts) == len(path) and all(a in ("*", str(b)) for a, b in zip(parts, path, strict=True))
        for parts in (pattern.split(".") for pattern in NEUTRAL)
    )


def is_found(document):
    """Whether a changed document is refused, or the check finds something."""
    try:
        return not check(from_bytes(reseal(document))).ok
    except (InputError, ValidationError):
        return True


def test_every_scalar_with_digests_made_to_fit():
    """Each changed scalar is found, but for a list of those that nothing depends on."""
    document = json.loads(to_bytes(sample()))
    digests = {("digest",), ("inputs", "topology"), ("inputs", "workload")}
    paths = {path: value for path, value in scalars(document) if path not in digests}
    silent = [path for path, value in paths.items() if not is_found(replaced(document, path, other(value)))]
    assert [path for path in silent if not is_neutral(path)] == []
    assert len(silent) < len(paths) / 2


def test_every_scalar_with_digests_left_alone():
    """Each changed scalar, the neutral ones too, breaks a digest or is refused."""
    document = json.loads(to_bytes(sample()))
    for path, value in scalars(document):
        changed = replaced(document, path, other(value))
        try:
            report = check(from_bytes(json.dumps(changed).encode()))
        except InputError:
            continue
        assert "K001" in [finding.code for finding in report.findings], path


def test_changed_layout_of_the_file():
    """A single space more breaks the digest of the file."""
    raw = to_bytes(sample())
    assert codes(from_bytes(raw.replace(b'"lab"', b' "lab"', 1))) == ["K001"]


def test_gap_that_does_not_follow():
    """A gap in the file that value and bound do not give is found."""
    document = json.loads(to_bytes(sample()))
    document["claims"]["gap"] = 0.01
    assert codes(from_bytes(reseal(document))) == ["K015"]


def test_nic_out_of_service():
    """Ranks whose NIC is down are named, as are ranks on another rail than their NIC."""
    placement = sample()
    cluster = placement.cluster
    dead = np.ones(len(cluster.nic_node), np.bool_)
    dead[0] = False
    report = check(replace(placement, cluster=replace(cluster, nic_in_service=dead)))
    first = "rank 0 (tp 0, pp 0, dp 0) is on r00/n00/gpu0"
    second = "rank 1 (tp 1, pp 0, dp 0) is on r00/n00/gpu1"
    assert [str(each) for each in report.findings] == [
        f"[K008] {first}; {second}, whose NIC is not in service"
    ]
    elsewhere = cluster.nic_rail.copy()
    elsewhere[1] = 5
    assert check(replace(placement, cluster=replace(cluster, nic_rail=elsewhere))).ok
    elsewhere[0] = 5
    assert codes(replace(placement, cluster=replace(cluster, nic_rail=elsewhere))) == ["K008"]


def test_nic_that_is_not_there():
    """A NIC number beyond all, however large, is a finding and takes no memory."""
    placement = sample()
    nic = placement.cluster.gpu_nic.copy()
    nic[0] = 2**31 - 1
    assert codes(replace(placement, cluster=replace(placement.cluster, gpu_nic=nic))) == ["K008"]
    none = np.zeros(0, np.int32)
    bare = replace(placement.cluster, nic_node=none, nic_local=none, nic_rail=none)
    assert codes(replace(placement, cluster=replace(bare, nic_in_service=none.astype(np.bool_)))) == ["K008"]
