"""Slurm's host lists."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.errors import InputError, Position
from planner.formats.hostlist import LONGEST_RANGE, compress, expand

EXPANDED = {
    "r[1-2]c[0-1]n[01-02]": "r1c0n01 r1c0n02 r2c0n01 r2c0n02 r1c1n01 r1c1n02 r2c1n01 r2c1n02",
    "a[1-2,5]b[3,1]n[1]": "a1b3n1 a2b3n1 a5b3n1 a1b1n1 a2b1n1 a5b1n1",
    "a[1-2]b[3-4]c[5-6]d[7]": "a1b3c5d7 a2b3c5d7 a1b4c5d7 a2b4c5d7 a1b3c6d7 a2b3c6d7 a1b4c6d7 a2b4c6d7",
    "n[1-2]b[1-2],n[3-4]": "n1b1 n1b2 n2b1 n2b2 n3 n4",
    "n[1-2][3-4]": "n13 n14 n23 n24",
    "n[3,1,2]": "n3 n1 n2",
    "n[01-3]": "n01 n02 n03",
    "n[1-03]": "n1 n2 n3",
    "n[9-11]": "n9 n10 n11",
    "n[09-11]": "n09 n10 n11",
    "n[01,1,001]": "n01 n1 n001",
    "n[1-2,1-2]": "n1 n2 n1 n2",
    "n0[8-11]": "n08 n09 n010 n011",
    "[1-3]": "1 2 3",
    "n[1-]": "n1",
    "n1,n1": "n1 n1",
    ",n1,,n2,": "n1 n2",
    "n1, n2\tn3": "n1 n2 n3",
    "": "",
    # Only from Slurm 23.02 on
    "n[1-3]-ib": "n1-ib n2-ib n3-ib",
    "r[1-2]c[0-1]n[1]-ib": "r1c0n1-ib r2c0n1-ib r1c1n1-ib r2c1n1-ib",
}
"""What ``scontrol show hostnames`` prints."""

COMPRESSED = {
    "n3 n1 n2": "n[3,1-2]",
    "n01 n02 n3": "n[01-02,3]",
    "n9 n10 n011": "n[9-10,011]",
    "n098 n099 n100": "n[098-100]",
    "n0 n00": "n[0,00]",
    "n1 n1": "n[1,1]",
    "r1n1 r1n2 r2n1 r2n2": "r1n[1-2],r2n[1-2]",
    "r1n1 r2n1": "r1n1,r2n1",
    "n1-ib n2-ib": "n1-ib,n2-ib",
    "1 2 3": "[1-3]",
    "n1 m1 n2": "n1,m1,n2",
    "n1 n2 n3 n2": "n[1-3,2]",
    "a b": "a,b",
}
"""What ``scontrol show hostlist`` prints."""


@pytest.mark.parametrize("expression", EXPANDED)
def test_expand(expression):
    """Hosts come in the order in which Slurm prints them."""
    assert expand(expression) == EXPANDED[expression].split()


@pytest.mark.parametrize("hosts", COMPRESSED)
def test_compress(hosts):
    """Hosts are written as Slurm writes them."""
    assert compress(hosts.split()) == COMPRESSED[hosts]


@pytest.mark.parametrize(
    "expression", ["n[3-1]", "n[]", "n[1", "n1]", "n[a-b]", "n[1,,2]", "n[ 1 ]", "n[[1-2]]", "n[0-65536]"]
)
def test_unreadable(expression):
    """What Slurm refuses is refused, at its place."""
    place = Position("slurm.conf", 3, 7)
    with pytest.raises(InputError) as caught:
        expand(expression, place)
    assert [(p.code, p.position) for p in caught.value.problems] == [("I020", place)]


def test_too_many():
    """A list of too many hosts is counted and never made."""
    with pytest.raises(InputError) as caught:
        expand("a[1-9999]b[1-9999]c[1-9999]")
    assert caught.value.problems[0].code == "I021"


@pytest.mark.parametrize("host", ["", "a b", "a,b", "n[1]", "n{1}", "n" + "1" * 19])
def test_unwritable(host):
    """A name that Slurm would read as something else is never written."""
    with pytest.raises(InputError, match="cannot stand in a host list"):
        compress(["n1", host])


def test_longest_range():
    """Slurm refuses ranges that it writes itself; ours are never that long."""
    hosts = [f"n{number}" for number in range(70_000)]
    written = compress(hosts)
    assert written == f"n[0-{LONGEST_RANGE - 1}],n[{LONGEST_RANGE}-69999]"
    assert expand(written) == hosts


@given(st.lists(st.from_regex(r"[a-c]?[0-9]{0,3}[-a]?[0-9]{1,15}[xy]?|[a-c]{1,3}", fullmatch=True)))
def test_round_trip(hosts):
    """Compressing and expanding gives the same hosts in the same order."""
    assert expand(compress(hosts)) == hosts
