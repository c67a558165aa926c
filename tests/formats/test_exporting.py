"""What every export has beside the launcher's own files."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from planner.errors import UsageError
from planner.formats.exporters import EXPORTERS, SINGLE_FILES, Export, exporter
from planner.formats.exporting import bundle, launcher_files, readme
from planner.formats.writing.rank_table import to_csv
from tests.builders import claimed, grid_cluster, grid_workload
from tests.formats.jobs import irregular, regular


def params(names):
    """Formats as parameters, without parquet where its package is missing."""
    absent = pytest.mark.skipif(find_spec("pyarrow") is None, reason="pyarrow is not installed")
    return [pytest.param(name, marks=absent if name == "parquet" else ()) for name in names]


@pytest.mark.parametrize("to", params(EXPORTERS))
def test_every_format_has_a_whole_folder(to):
    """Rank table, README with the command and the names of all files; scripts are among the files."""
    made = bundle(regular(), to)
    text = made.files["README.md"].decode()
    assert made.files["ranks.csv"] == to_csv(regular()).encode()
    assert made.executable <= set(made.files)
    assert made.command in text
    assert made.proof in text
    for path in set(made.files) - {"README.md"}:
        assert f"`{path}`" in text
    assert exporter(to).__doc__


# Another value of each option that any text may follow, and what has to be told with some for it to matter.
OTHER = {
    "account": "a",
    "command": "python b.py",
    "dims": "dp,pp,cp,tp",
    "gres": "gpu:8",
    "gpu-addresses": "0000:1b:00.0,0000:29:00.0,0000:45:00.0,0000:4e:00.0",
    "hca": "ib{}",
    "image": "other",
    "labels": "rack=l",
    "name": "other",
    "nic-addresses": "0000:5e:00.0,0000:61:00.0",
    "partition": "p",
    "queue": "q",
    "resource": "amd.com/gpu",
    "time": "1:00:00",
    "topo-file": "/a.xml",
}
ADDRESSES = [f"{kind}-addresses={OTHER[f'{kind}-addresses']}" for kind in ("gpu", "nic")]
TOGETHER = {
    "labels": ["route=kueue"],
    "queue": ["route=kueue"],
    **dict.fromkeys(("cpu", "pcie", "sockets"), ADDRESSES),
    "gpu-addresses": ADDRESSES[1:],
    "nic-addresses": ADDRESSES[:1],
}


def other(option):
    """A value that is not the one an option has by itself."""
    if option.numbers:
        return str(option.numbers[0])
    return next((choice for choice in option.choices if choice != option.default), OTHER.get(option.name))


@pytest.mark.parametrize(
    ("to", "option"),
    [(to, option) for to in EXPORTERS for option in exporter(to).OPTIONS],
    ids=lambda each: getattr(each, "name", each),
)
def test_every_option_does_something(to, option):
    """Told something else, the launcher gets something else."""
    workload = grid_workload(dp=16, families=[("dp", "all_reduce", 8)])
    placement = claimed(grid_cluster(2, 2, 4, nics=2), workload, range(16))
    together = TOGETHER.get(option.name, [])
    # Addresses of GPUs and NICs are told together or not at all.
    plain = [] if option.name.endswith("-addresses") else together
    made = launcher_files(placement, to, plain)
    changed = launcher_files(placement, to, [*together, f"{option.name}={other(option)}"])
    assert (made.files, made.command) != (changed.files, changed.command)


@pytest.mark.parametrize("to", params(SINGLE_FILES))
def test_single_files_are_what_they_are_called(to):
    """The one file of a data format has the name that the folder gives it."""
    assert set(launcher_files(regular(), to).files) == {SINGLE_FILES[to]}


def test_readme_says_what_it_was_made_with():
    """Options are quoted as a shell wants them, and parts that are not there leave no heading."""
    export = Export({"a": b""}, "run it", ("One trap.",), proof="prove it")
    text = readme(irregular(), "slurm", ["command=python a.py"], export)
    assert "10 ranks on 3 hosts of test" in text
    assert "--to slurm --option 'command=python a.py'" in text
    assert "```sh\nrun it\n```" in text
    assert "```sh\nprove it\n```" in text
    assert "- One trap.\n" in text
    assert "```" not in readme(irregular(), "csv", [], Export({"a": b""}))


def test_unknown_options_are_refused():
    """Also by formats that have none."""
    with pytest.raises(UsageError):
        bundle(irregular(), "csv", ["port=1"])
