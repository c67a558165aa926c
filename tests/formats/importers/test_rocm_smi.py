"""What `rocm-smi --showtopo` prints."""

from __future__ import annotations

import json

import pytest

from planner.errors import InputError
from planner.formats.importers import rocm_smi
from planner.formats.site.site import Source

RULE = "=" * 30


def _table(title, cells):
    """A table as the program pads it."""
    names = [f"GPU{index}" for index in range(len(cells))]
    rows = [
        f"{name:<7}" + "".join(f"{cell:<13}" for cell in row) for name, row in zip(names, cells, strict=True)
    ]
    return "\n".join(
        [f"{RULE} {title} {RULE}", " " * 7 + "".join(f"{name:<13}" for name in names), *rows, ""]
    )


def _all(a, b):
    return int(a != b)


def _none(a, b):
    return int(a == b)


def _square(gpus, own, other):
    return [[own if a == b else other(a, b) for b in range(gpus)] for a in range(gpus)]


def _report(gpus, joined, tables=("weight", "hops", "type"), model=None):
    made = {
        "weight": _table(
            "Weight between two GPUs", _square(gpus, 0, lambda a, b: 15 if joined(a, b) else 40)
        ),
        "hops": _table("Hops between two GPUs", _square(gpus, 0, _all)),
        "type": _table(
            "Link Type between two GPUs", _square(gpus, 0, lambda a, b: "XGMI" if joined(a, b) else "PCIE")
        ),
    }
    series = "".join(f"GPU[{n}]\t\t: Card Series: \t\t{model}\n" for n in range(gpus)) if model else ""
    head = f"\n\n{RULE} ROCm System Management Interface {RULE}\n"
    return head + "\n".join(made[table] for table in tables) + series + f"{RULE} End of ROCm SMI Log {RULE}\n"


def _read(text):
    assert rocm_smi.recognises(Source("x", text))
    return rocm_smi.read(Source("x", text))


@pytest.mark.parametrize("tables", [("weight", "hops", "type"), ("type",), ("weight", "hops")])
def test_gpus_that_are_all_joined(tables):
    """By the kind of link, or by weight where the kind is missing."""
    site = _read(_report(8, _all, tables, "AMD Instinct MI300X OAM"))
    assert (site.node.gpus, site.node.gpu_model, site.node.scale_up_bytes_per_s) == (8, "mi300x", 448e9)
    assert site.findings == []


def test_hops_alone_say_nothing():
    """They are 1 whatever lies between."""
    assert _read(_report(4, _none, ("hops",))).node.scale_up_bytes_per_s is None


def test_a_gpu_off_xgmi():
    """It is out of service, and told at its row."""
    site = _read(_report(8, lambda a, b: 3 not in {a, b}))
    assert [problem.code for problem in site.findings] == ["I062"]
    assert site.findings[0].position.text.startswith("GPU3")
    assert list(site.node.gpus_down) == [3]


def test_two_halves():
    """Links within each of them leave the node with its slots."""
    site = _read(_report(8, lambda a, b: a // 4 == b // 4))
    assert [problem.code for problem in site.findings] == ["I070"]
    assert site.node.scale_up_bytes_per_s == 32e9


def test_json():
    """The same by `--json`, where each pair is there once."""
    pairs = [(a, b) for a in range(3) for b in range(a + 1, 3)]
    system = {f"(Topology) Link type between DRM devices {a} and {b}": "XGMI" for a, b in pairs}
    cards = {
        f"card{n}": {"(Topology) Numa Node": "0", "Card Series": "AMD Instinct MI355X"} for n in range(3)
    }
    site = _read(json.dumps({"system": system, **cards}))
    assert (site.node.gpus, site.node.gpu_model, site.findings) == (3, "mi355x", [])


def test_a_row_cut_short():
    """It is told, and the other rows say what it does not."""
    text = _report(3, _all, ("type",)).replace(f"GPU1   {'XGMI':<13}{0:<13}{'XGMI':<13}", "GPU1   XGMI")
    site = _read(text)
    assert [problem.code for problem in site.findings] == ["I067"]
    assert site.node.gpus_down == {}


def test_nothing_of_the_kind():
    """A report without any GPU is refused."""
    with pytest.raises(InputError, match="I060"):
        _read(f"{RULE} ROCm System Management Interface {RULE}\n")
