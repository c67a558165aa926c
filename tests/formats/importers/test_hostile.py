"""Importers of nodes read what is cut short, changed or made up, or refuse it; they never crash."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.errors import InputError
from planner.formats.importers import importer
from planner.formats.site.site import Site, Source
from tests.formats.importers import trees
from tests.formats.importers.fixtures import source
from tests.formats.importers.smi import topo

ROCM = (
    "== Link Type between two GPUs ==\n       GPU0   GPU1   \nGPU0   0      XGMI   \nGPU1   XGMI   0      \n"
)
ASTRA = "topology: [Ring, Switch]\nnpus_count: [2, 8]\nbandwidth: [200.0, 50.0]\nlatency: [50, 500]\n"
LOG = (
    "[1] NVRM: Xid (PCI:0000:00:06): 79, gone\n"
    "Unable to determine the device handle for GPU0000:BA:00.0: Lost\n"
)
TEXTS = [
    ("nvidia-smi", topo(4, ["a", "b", "c", "d"], near={n: {n: "PIX"} for n in range(4)}) + LOG),
    ("nvidia-smi", source("nvidia_smi/two.query").text),
    ("nvidia-smi", source("nvidia_smi/four.table").text),
    ("nvidia-smi", "index, name, pci.bus_id\n0, NVIDIA H100, 00000000:18:00.0\n1, [Unknown Error], ERR!\n"),
    ("nccl", trees.nccl(4)),
    ("nccl", trees.nccl(4, version=2, kind="xgmi")),
    ("hwloc", source("hwloc/four.xml").text),
    ("rocm-smi", ROCM),
    ("astra-sim", ASTRA),
]
IDS = [f"{name}-{index}" for index, (name, _) in enumerate(TEXTS)]
# What breaks readers: signs of each format, and numbers without end.
PIECES = [
    "",
    "\n",
    "\t",
    "\0",
    '"',
    "<",
    ">",
    "&",
    ":",
    ",",
    "GPU",
    "GPU0",
    "NV",
    "NV999",
    "X",
    "-1",
    "9" * 30,
    "[",
    "é",
    "0x",
]

edits = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 40), st.sampled_from(PIECES) | st.text(max_size=5)), max_size=6
)


def _read(name, text):
    """What becomes of a text: a site, or the error."""
    reader, read = importer(name), Source("x", text)
    reader.recognises(read)
    try:
        return reader.read(read)
    except InputError as error:
        return error


@pytest.mark.parametrize(("name", "text"), TEXTS, ids=IDS)
@settings(max_examples=40)
@given(changes=edits, kept=st.floats(0.2, 1))
def test_changed_texts(name, text, changes, kept):
    """Some pieces replaced and the end cut off: a site, or an error."""
    for place, length, piece in changes:
        start = int(place * len(text))
        text = text[:start] + piece + text[start + length :]
    found = _read(name, text[: int(kept * len(text))])
    if isinstance(found, Site) and found.node.gpus is not None:
        assert found.node.gpus > 0
        assert all(index < found.node.gpus for index in found.node.gpus_down)


@pytest.mark.parametrize("name", ["nvidia-smi", "nccl", "hwloc", "rocm-smi", "astra-sim"])
@settings(max_examples=30)
@given(text=st.text(max_size=200))
def test_any_text(name, text):
    """None is taken for a node that is not described."""
    assert isinstance(_read(name, text), InputError)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nvidia-smi", "GPU0 " + " " * 200_000),
        ("nvidia-smi", "GPU0 X\n" + "\n" * 200_000),
        ("nvidia-smi", "|" + " 1 a" * 50_000),
        ("nvidia-smi", topo(4) + "".join(f"NIC{n} X\n" for n in range(5000))),
        ("nccl", "<system version='1'>" + "<cpu>" * 400 + "<pci/>" * 20_000),
        ("rocm-smi", 'between two GPUs "card1"' + "Card" * 50_000),
        ("hwloc", "<topology>" + "<object type='PCIDev'>" * 400),
    ],
    ids=["spaces", "blank", "table", "rows", "tree", "series", "deep"],
)
def test_long_texts_are_refused(name, text):
    """They are of lengths at which a search that begins anew at every place would take hours."""
    assert isinstance(_read(name, text), InputError)
