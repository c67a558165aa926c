"""The placement file: everything comes back, and nothing broken gets in."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.errors import CheckError, InputError
from planner.placement.file import from_bytes, read_placement, to_bytes, write_placement
from planner.placement.placement import Objective
from tests.builders import claimed, grid_cluster, grid_workload, ragged_cluster
from tests.placement.instances import instances
from tests.placement.samples import replaced, reseal, sample


def assert_same_cluster(first, second):
    """Every array, name and figure of two clusters is equal."""
    for field in fields(first):
        one, two = getattr(first, field.name), getattr(second, field.name)
        if isinstance(one, np.ndarray):
            assert one.dtype == two.dtype, field.name
            assert np.array_equal(one, two), field.name
        elif field.name == "tiers":
            assert len(one) == len(two)
            for a, b in zip(one, two, strict=True):
                assert (a.name, list(a.names)) == (b.name, list(b.names))
                assert np.array_equal(a.parent, b.parent)
                assert a.scale_up_bytes_per_s == b.scale_up_bytes_per_s
                assert (a.uplink_bytes_per_s is None) == (b.uplink_bytes_per_s is None)
                if a.uplink_bytes_per_s is not None:
                    assert np.array_equal(a.uplink_bytes_per_s, b.uplink_bytes_per_s)
        elif field.name in ("host_names", "gpu_kinds"):
            assert list(one) == list(two), field.name
        else:
            assert one == two, field.name


def test_everything_comes_back(tmp_path):
    """A placement that is written and read is the same in every part."""
    placement = sample()
    write_placement(placement, tmp_path / "p.json")
    back = read_placement(tmp_path / "p.json")
    assert_same_cluster(placement.cluster, back.cluster)
    assert back.workload == placement.workload
    assert back.claims == placement.claims
    assert np.array_equal(back.gpu_of_rank, placement.gpu_of_rank)
    assert to_bytes(back) == to_bytes(placement)


@settings(max_examples=80)
@given(instances())
def test_random_placements_come_back(instance):
    """Ragged clusters with failures, folded experts and stage subsets survive the file."""
    placement = claimed(*instance)
    raw = to_bytes(placement)
    back = from_bytes(raw)
    assert_same_cluster(placement.cluster, back.cluster)
    assert back.workload == placement.workload
    assert back.claims == placement.claims
    assert to_bytes(back) == raw
    assert all(pair.stated == pair.found for pair in back.stated.digests.values())


def test_interleaved_domains_come_back():
    """Racks whose nodes are authored in turns keep their parents and names."""
    cluster = grid_cluster(2, 2, 2)
    racks = np.array([0, 1, 0, 1], np.int32)
    node = replace(cluster.tiers[0], parent=racks, names=["n1", "n1", "n2", "n2"])
    turned = replace(cluster, tiers=(node, *cluster.tiers[1:]))
    workload = grid_workload(dp=8, families=[("dp", "all_reduce", 1)])
    back = from_bytes(to_bytes(claimed(turned, workload, np.arange(8))))
    assert_same_cluster(turned, back.cluster)


def test_names_that_no_range_can_spell():
    """A cluster whose name has spaces and brackets keeps it."""
    cluster = ragged_cluster([[2], [1]], name="my [odd], lab")
    workload = grid_workload(dp=3, families=[("dp", "all_reduce", 1)])
    back = from_bytes(to_bytes(claimed(cluster, workload, np.arange(3))))
    assert_same_cluster(cluster, back.cluster)


def test_infinite_values_come_back():
    """Traffic over a dead uplink costs infinitely much, which JSON has no number for."""
    cluster = grid_cluster(2, 1, uplinks=(0.0,))
    placement = claimed(cluster, grid_workload(dp=2, families=[("dp", "all_reduce", 1)]), [0, 1])
    infinite = replace(placement, claims=replace(placement.claims, lower_bound=0.0))
    back = from_bytes(to_bytes(infinite))
    assert (back.claims.value, back.claims.gap) == (float("inf"), float("inf"))
    json.loads(to_bytes(infinite), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_columns_stand_on_lines_of_their_own():
    """Each column of the rank table is one line, so that line tools can look at the file."""
    lines = to_bytes(sample()).decode().splitlines()
    for column in ("gpu", "node", "local_gpu", "nic", "rail", "host_names"):
        assert sum(line.startswith(f'    "{column}": [') for line in lines) == 1


def test_rank_columns_follow_the_cluster():
    """Node, index in the node, NIC and rail of a rank are those of its GPU."""
    placement = sample()
    ranks = json.loads(to_bytes(placement))["ranks"]
    cluster, gpus = placement.cluster, placement.gpu_of_rank
    assert ranks["node"] == cluster.gpu_node[gpus].tolist()
    assert ranks["local_gpu"] == cluster.gpu_local[gpus].tolist()
    assert ranks["nic"] == cluster.gpu_nic[gpus].tolist()


def test_large_regular_cluster_is_compact():
    """Ten thousand equal nodes take hardly more than their host names."""
    cluster = grid_cluster(10, 125, 8, 8, nics=8)
    workload = grid_workload(dp=8, families=[("dp", "all_reduce", 1)])
    raw = to_bytes(claimed(cluster, workload, np.arange(8)))
    hosts = len(json.dumps(list(cluster.host_names)))
    assert len(raw) < hosts + 6000


@pytest.mark.parametrize("objective", list(Objective))
def test_objectives_come_back(objective):
    """Each objective is stored by name."""
    assert from_bytes(to_bytes(sample(objective))).claims.objective is objective


def refusal(raw):
    """Codes of the error that these bytes give."""
    with pytest.raises(InputError) as caught:
        from_bytes(raw, "p.json")
    assert caught.value.exit_code == 3
    return [problem.code for problem in caught.value.problems]


@pytest.mark.parametrize(("raw", "advice"), [(b"{", "cut short"), (b"name: lab\n", "planner plan")])
def test_advice_where_it_is_no_json(raw, advice):
    """Another copy of a file that is begun, a placement in place of another kind of file."""
    with pytest.raises(InputError) as caught:
        from_bytes(raw, "p.json")
    assert advice in caught.value.problems[0].suggestion


def test_every_truncation_is_refused():
    """A file cut short anywhere is not read."""
    raw = to_bytes(sample()).rstrip()
    for length in [*range(1, 200), *range(200, len(raw) - 50, 37), *range(len(raw) - 50, len(raw))]:
        assert refusal(raw[:length]) == ["P003"], length


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"{", "P003"),
        (b"name: lab\ntiers: []\n", "P003"),
        (b"\xff\xfe\x00\x01", "P003"),
        (b"[" * 100_000, "P003"),
        (b"{}", "P001"),
        (b"[]", "P001"),
        (b"null", "P001"),
        (b"3", "P001"),
        (b'"planner-placement"', "P001"),
        (b'{"format": "something-else", "format_version": 1}', "P001"),
        (b'{"format": "planner-placement", "format_version": 2}', "P002"),
        (b'{"format": "planner-placement", "format_version": "1"}', "P002"),
        (b'{"format": "planner-placement", "format_version": 1}', "P004"),
    ],
)
def test_foreign_files(raw, code):
    """What is no placement file of this version says so, with a code and a position."""
    assert refusal(raw)[0] == code


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("ranks", "gpu", 3), "7"),
        (("ranks", "gpu", 3), 7.5),
        (("ranks", "gpu", 3), True),
        (("ranks", "gpu", 3), -1),
        (("ranks", "gpu", 3), 10**400),
        (("ranks", "rail"), {}),
        (("claims", "value"), None),
        (("claims", "value"), -1.0),
        (("claims", "objective"), "best"),
        (("workload", "mesh", "pp"), 0),
        (("workload", "families", 0, "kind"), "gossip"),
        (("topology", "tiers"), []),
        (("digest",), "sha256:123"),
        (("extra",), 1),
        (("workload", "families", 0, "payload_bytes", 0), 1e300),
        (("topology", "tiers", 0, "uplink_bytes_per_s", "values", 0), 1e-320),
        (("topology", "tiers", 0, "uplink_bytes_per_s", "values", 0), 1e300),
        (("claims", "weighted_s"), 1e300),
        (("topology", "name"), "a\x1b[31m"),
    ],
)
def test_values_of_the_wrong_form(path, value):
    """A value of the wrong type, sign or size is refused where it stands."""
    document = replaced(json.loads(to_bytes(sample())), path, value)
    assert refusal(json.dumps(document, indent=1).encode()) == ["P004"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("ranks", "nic"), [0]),
        (("workload", "mesh", "rank_order"), ["tp", "tp", "cp", "dp"]),
        (("workload", "mesh", "ep"), 3),
        (("workload", "families", 0, "payload_bytes"), [1.0]),
        (("workload", "families", 0, "kind"), "p2p"),
        (("workload", "families", 0, "axes"), ["tp", "tp"]),
        (("workload", "families", 0, "axes"), ["dp", "ep"]),
        (("workload", "families", 3, "stages"), [0, 9]),
        (("workload", "families", 3, "stages"), []),
        (("workload", "families", 1, "name"), "tp"),
        (("workload", "keep"), {"tp": "building"}),
        (("workload", "keep"), {"xp": "node"}),
        (("workload", "memory_bytes"), [1.0]),
        (("topology", "boundary"), "building"),
        (("topology", "host_names"), ["a"]),
        (("topology", "host_names", 1), "r00-n00"),
        (("topology", "host_names", 1), "$(id)"),
        (("topology", "host_names", 1), "-n"),
        (("topology", "tiers", 0, "domains", 0, "names"), ["a b"]),
        (("topology", "shape_of_node", "counts"), [6]),
        (("topology", "shape_of_node", "values", 0), 9),
        (("topology", "node_shapes", 0, "gpu_nic"), [0]),
        (("topology", "node_shapes", 0, "nic_rail"), [0]),
        (("topology", "node_shapes", 0, "gpu_kind", 0), 5),
        (("topology", "out_of_service", "last"), [99]),
        (("topology", "out_of_service", "last"), []),
        (("topology", "spare", "last"), [3]),
        (("topology", "tiers", 0, "domains", 0, "repeat"), 2_000_000_000),
        (("topology", "tiers", 0, "domains", 0, "names"), "n[0-999999999999]"),
        (("topology", "tiers", 0, "domains", 0, "names"), "n[[["),
        (("topology", "tiers", 0, "domains", 0, "parent"), 7),
        (("topology", "tiers", 0, "domains"), []),
        (("topology", "tiers", 0, "uplink_bytes_per_s", "counts"), [7]),
        (("topology", "tiers", 0, "uplink_bytes_per_s", "counts"), [2_000_000_000]),
        (("topology", "tiers", 1, "name"), "node"),
        (("topology", "tiers", 2, "domains", 0, "names"), "lab[1-2]"),
        (("topology", "fabric"), {"kind": "mesh"}),
    ],
)
def test_parts_that_contradict_each_other(path, value):
    """A file whose parts do not fit together is refused, however large it claims to be."""
    document = replaced(json.loads(to_bytes(sample())), path, value)
    assert refusal(json.dumps(document).encode()) == ["P005"]


@settings(max_examples=150)
@given(st.data())
def test_random_damage_is_never_a_traceback(data):
    """Bytes replaced, cut or doubled at random either fail cleanly or break the digest."""
    raw = bytearray(to_bytes(sample()))
    start = data.draw(st.integers(0, len(raw) - 1))
    length = data.draw(st.integers(0, 40))
    raw[start : start + length] = data.draw(st.binary(max_size=40))
    if bytes(raw) == to_bytes(sample()):
        return
    try:
        back = from_bytes(bytes(raw))
    except InputError:
        return
    assert any(pair.stated != pair.found for pair in back.stated.digests.values())


def test_position_of_a_mistake():
    """The error points at the line of the key that is wrong."""
    raw = to_bytes(sample()).replace(b'"value": ', b'"value": "much", "x": ', 1)
    with pytest.raises(InputError) as caught:
        from_bytes(raw, "p.json")
    position = caught.value.problems[0].position
    assert (position.file, position.text.strip().startswith('"value"')) == ("p.json", True)
    assert raw.splitlines()[position.line - 1].strip().startswith(b'"value"')


def test_position_counts_the_items_of_lists():
    """The third family is shown where it stands, and not where the first does."""
    document = replaced(json.loads(to_bytes(sample())), ("workload", "families", 2, "kind"), "gossip")
    text = json.dumps(document, indent=1)
    with pytest.raises(InputError) as caught:
        from_bytes(text.encode(), "p.json")
    lines = text.splitlines()
    wrong = next(number for number, line in enumerate(lines, 1) if "gossip" in line)
    position = caught.value.problems[0].position
    assert (position.line, lines[wrong - 1][position.column - 1 :][:6]) == (wrong, '"kind"')


def test_changed_file_is_refused_unless_asked(tmp_path):
    """Reading demands an untouched file, but for the checker."""
    path = tmp_path / "p.json"
    path.write_bytes(to_bytes(sample()).replace(b'"lab"', b'"lob"', 1))
    with pytest.raises(CheckError) as caught:
        read_placement(path)
    assert (caught.value.problems[0].code, caught.value.exit_code) == ("P006", 1)
    assert read_placement(path, verify=False).cluster.name == "lob"


@pytest.mark.parametrize(("path", "value"), [(("ranks", "gpu", 3), 99), (("workload", "mesh", "dp"), 3)])
def test_ranks_that_fit_nowhere_are_refused(tmp_path, path, value):
    """Digests that fit do not make a GPU that is not there, nor ranks that are not."""
    document = replaced(json.loads(to_bytes(sample())), path, value)
    target = tmp_path / "p.json"
    target.write_bytes(reseal(document))
    with pytest.raises(InputError) as caught:
        read_placement(target)
    assert caught.value.problems[0].code == "P005"


def test_files_that_cannot_be_read(tmp_path):
    """Missing, a folder, empty: each with its own code."""
    (tmp_path / "empty").write_bytes(b" \n")
    for name, code in (("missing", "F001"), ("", "F002"), ("empty", "F005")):
        with pytest.raises(InputError) as caught:
            read_placement(tmp_path / name)
        assert caught.value.problems[0].code == code


def test_a_name_too_long_for_the_system():
    """A path that the system refuses to look for is unreadable."""
    with pytest.raises(InputError) as caught:
        read_placement("a" * 300)
    assert caught.value.problems[0].code == "F004"


def test_old_file_stays_where_writing_fails(tmp_path, monkeypatch):
    """A failure while writing leaves the old placement whole."""
    path = tmp_path / "p.json"
    write_placement(sample(), path)
    before = path.read_bytes()

    def full(handle):
        raise OSError(28, "No space left")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError):
        write_placement(sample(Objective.CROSS_NODE), path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["p.json"]
