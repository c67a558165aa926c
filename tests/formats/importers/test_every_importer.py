"""What holds of every importer: it recognises its own files alone, and takes whatever is made of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.errors import InputError
from planner.formats.importers import IMPORTERS, importer
from planner.formats.importing import recognised, write_up
from planner.formats.site.given import Given
from planner.formats.site.site import Site, Source
from tests.formats.importers.test_lldp import PORTS, printed
from tests.formats.importers.test_simai import cluster
from tests.formats.importers.trees import nccl

HERE = Path(__file__).parent
INFINIBAND = HERE.parent / "reading" / "infiniband"
# Of formats whose fixtures are files, all of a folder that bear one of some endings.
FILES = {
    "kubernetes": (HERE / "kubernetes", (".json",)),
    "aws": (HERE / "aws", (".json",)),
    "gcp": (HERE / "gcp", (".json",)),
    "topograph": (HERE / "topograph", (".yaml", ".json")),
    "ibnetdiscover": (INFINIBAND, (".ibnetdiscover",)),
    "iblinkinfo": (INFINIBAND, (".iblinkinfo", ".iblinkinfo-line")),
    "nvidia-smi": (HERE / "nvidia_smi", (".topo", ".table", ".query")),
    "hwloc": (HERE / "hwloc", (".xml",)),
    "nccl": (HERE / "nccl", (".xml",)),
}
TEXTS = {
    "nccl": [nccl(4)],
    "lldp": [printed(PORTS).text],
    "simai": [cluster(), cluster(planes=2)],
    "rocm-smi": [
        "== Link Type between two GPUs ==\n       GPU0   GPU1\nGPU0   0      XGMI\nGPU1   XGMI   0\n",
    ],
    "astra-sim": [
        "topology: [Ring, Switch]\nnpus_count: [2, 8]\nbandwidth: [200.0, 50.0]\nlatency: [50, 500]\n"
    ],
    "slurm": [
        "SwitchName=l1 Nodes=n[01-04]\nSwitchName=l2 Nodes=n[05-08]\nSwitchName=top Switches=l[1-2]\n",
        "BlockName=b1 Nodes=n[01-04]\nBlockName=b2 Nodes=n[05-08]\nBlockSizes=4,8\n",
        "NodeName=n[1-4] Gres=gpu:h100:8 State=UNKNOWN\n",
        "SwitchName=l1 Level=0 Nodes=n1\nSwitchName=top Level=1 Nodes=n1 Switches=l1\n",
        "- {topology: tree, cluster_default: true, tree: {switches: [{switch: leaf, nodes: 'n[01-04]'}]}}\n",
    ],
}
# What breaks readers: marks of structure, numbers without end, bytes of other encodings.
PIECES = ("", "\n", "\t", '"', "'", "{", "}", "[", "]", "<", ":", ",", "-", "=", "#", "9" * 30, "null", "\0")


def texts(name):
    """All fixtures of a format."""
    folder, endings = FILES.get(name, (HERE, ()))
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    files = [path for path in found if path.is_file() and path.suffix in endings]
    return [path.read_text() for path in files] + TEXTS.get(name, [])


CASES = [(name, text) for name in IMPORTERS for text in texts(name)]
IDS = [f"{name}-{number}" for number, (name, _) in enumerate(CASES)]


def test_every_importer_has_fixtures():
    """None is left out of the tests here."""
    assert {name for name, _ in CASES} == set(IMPORTERS)


@pytest.mark.parametrize(("name", "text"), CASES, ids=IDS)
def test_each_recognises_its_own_files_alone(name, text):
    """No other format looks the same, whatever the order in which they are asked."""
    found = Source("x", text)
    assert [other for other in IMPORTERS if importer(other).recognises(found)] == [name]
    assert recognised(found) == name


@pytest.mark.parametrize(("name", "text"), CASES, ids=IDS)
def test_each_fixture_becomes_a_topology(name, text):
    """It is read and written, and the same every time."""
    first, second = (write_up(importer(name).read(Source("x", text)), Given(gpus=8)).text for _ in range(2))
    assert first == second


@pytest.mark.parametrize("name", IMPORTERS)
def test_nothing_to_read_is_not_recognised(name):
    """Neither an empty text nor prose, nor data of another kind; reading them is an error of the input."""
    for text in ("", "\n", "Lorem ipsum dolor.\n", "{}", "[]", "a: 1\n", "[[1, 2], {}]", "<a/>"):
        assert not importer(name).recognises(Source("x", text))
        with pytest.raises(InputError):
            importer(name).read(Source("x", text))


edits = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 30), st.sampled_from(PIECES) | st.text(max_size=4)), max_size=5
)


def outcome(name, text):
    """The site, or the error of the input that becomes of a text."""
    found = Source("x", text)
    importer(name).recognises(found)
    try:
        site = importer(name).read(found)
        return write_up(site, Given(gpus=8)).site
    except InputError as error:
        return error


@pytest.mark.parametrize(("name", "text"), CASES, ids=IDS)
@settings(max_examples=10)
@given(changes=edits, kept=st.floats(0.1, 1))
def test_changed_and_cut_texts(name, text, changes, kept):
    """A site, with findings or without, or an error of the input; never anything else."""
    for place, length, piece in changes:
        start = int(place * len(text))
        text = text[:start] + piece + text[start + length :]
    assert isinstance(outcome(name, text[: int(kept * len(text))]), Site | InputError)


@pytest.mark.parametrize("name", IMPORTERS)
@settings(max_examples=10)
@given(text=st.text(max_size=200))
def test_any_text(name, text):
    """Whatever it is."""
    assert isinstance(outcome(name, text), Site | InputError)
