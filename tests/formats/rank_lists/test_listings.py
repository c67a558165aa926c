"""Launchers' lists of ranks, read back."""

from __future__ import annotations

import pytest

from planner.errors import InputError
from planner.formats.exporting import bundle
from planner.formats.rank_lists.listings import LISTINGS, recognised, seats
from planner.formats.site.site import Source
from planner.formats.writing.seats import host_of_rank
from tests.formats.jobs import irregular

EXPORTED = {"slurm": ("slurm", "hostfile"), "rankfile": ("openmpi", "rankfile"), "csv": ("csv", "ranks.csv")}


def listed(text, kind=None):
    """Rank, host and GPU of every seat."""
    source = Source("list", text)
    return [(seat.rank, seat.host, seat.gpu) for seat in seats(source, kind or recognised(source))]


@pytest.mark.parametrize("kind", LISTINGS)
def test_what_was_exported_is_read_back(kind):
    """Each kind is told from the others, and has all that was written."""
    placement = irregular()
    to, path = EXPORTED[kind]
    text = bundle(placement, to).files[path].decode()
    assert recognised(Source("list", text)) == kind
    gpus = placement.cluster.gpu_local[placement.gpu_of_rank].tolist()
    assert listed(text) == [*zip(range(10), host_of_rank(placement), gpus, strict=True)]


def test_other_host_files():
    """Comments, empty lines, host lists, repetitions; without remarks no GPU is known."""
    text = "# hosts\n\nb*2\n  a[1-2],c  # gpu of c\nd # gpu 3\n"
    hosts = ["b", "b", "a1", "a2", "c", "d"]
    assert listed(text) == [(rank, host, 3 if host == "d" else None) for rank, host in enumerate(hosts)]


def test_other_rankfiles():
    """Spaces anywhere, ranks in any order, no slots."""
    text = "rank 1=a slot=0:1-2\n rank  0 = b  slots = 3 # gpu 2\nrank 2=c\n"
    assert listed(text) == [(1, "a", None), (0, "b", 2), (2, "c", None)]


def test_other_tables():
    """Columns in any order, without GPU, with quotes."""
    assert listed('host,x,rank\n"a",1,1\n\nb,2,0\n') == [(1, "a", None), (0, "b", None)]
    assert listed("gpu,rank,host\n7,0,a\n,1,b\n") == [(0, "a", 7), (1, "b", None)]


@pytest.mark.parametrize(
    ("kind", "text", "lines"),
    [
        ("slurm", "a\nb[1-\nc[2-1]\nd*x\ne*3\nf*\ng*999999999\n", [2, 3, 4, 6, 7]),
        ("slurm", "# nothing\n", [1]),
        ("rankfile", "rank 0=+n1 slot=0\nrank 1=a slot=0\nrank x=b\nrank 2\n", [1, 3, 4]),
        ("csv", "rank;host\n0;a\n", [1]),
        ("csv", "rank,host,gpu\n0,a,0\nx,a,1\n1,,1\n2,a,-1\n3\n", [3, 4, 5, 6]),
    ],
)
def test_lines_that_cannot_be_read(kind, text, lines):
    """All of them are told, each with its place."""
    with pytest.raises(InputError) as caught:
        listed(text, kind)
    assert [problem.position.line for problem in caught.value.problems] == lines
    assert {problem.code for problem in caught.value.problems} <= {"E010", "I020"}
