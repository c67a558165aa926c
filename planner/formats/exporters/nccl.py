"""NCCL's settings for the hosts of a placement: ``nccl.sh``, which runs a command with them.

It stands before the command of a rank, whatever launches that. ``NCCL_IB_HCA`` names the adapters
in service on the host, which topologies do not name, hence the option ``hca``. ``NCCL_CROSS_NIC`` is
0 where adapters are on rails of their own and all hosts have the same ones. NCCL itself finds what
is inside a host; where it cannot, as in virtual machines, give the PCI addresses of GPUs and adapters
and ``NCCL_TOPO_FILE`` is written, or the path of the site's own file. The order of the rings follows
the ranks, which the launcher places.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from planner.errors import UsageError
from planner.formats.exporters import Export
from planner.formats.writing.command import as_words
from planner.formats.writing.nccl_topology import CPUS, LINKS, Addresses, Board, topology_xml
from planner.formats.writing.options import COMMAND, Option, refuse_idle
from planner.formats.writing.scripts import SHARED, place_file, script
from planner.formats.writing.seats import hosts_of, require_plain_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from planner.placement.placement import Placement
    from planner.topology.cluster import Cluster

HCA = Option("hca", "mlx5_{}", "what hosts call adapter i, with {} for i; or all names, with commas")
TOPO_FILE = Option("topo-file", "", "path on the hosts of the site's own topology file")
GPU_ADDRESSES = Option("gpu-addresses", "", "PCI addresses of a host's GPUs in order, with commas")
NIC_ADDRESSES = Option("nic-addresses", "", "PCI addresses of a host's adapters in order, with commas")
CPU = Option("cpu", "intel", "kind of the hosts' processors, for the topology file", choices=tuple(CPUS))
SOCKETS = Option(
    "sockets", "2", "processors that a host's GPUs and adapters are divided over in order", numbers=(1, 16)
)
PCIE = Option("pcie", "5", "generation of PCI Express, for the topology file", choices=tuple(LINKS))
OPTIONS = (COMMAND, HCA, TOPO_FILE, GPU_ADDRESSES, NIC_ADDRESSES, CPU, SOCKETS, PCIE)
NOTES = (
    SHARED,
    (
        "`nccl.sh` goes before the command of a rank: export for the launcher with"
        " `--option command='FOLDER/nccl.sh python train.py'`."
    ),
)
_ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9_.:-]+")


def export(placement: Placement, options: dict[str, str]) -> Export:
    """The script, and a topology file for each kind of host where addresses are given."""
    cluster = placement.cluster
    require_plain_names(hosts_of(placement), "nccl")
    nodes = np.unique(cluster.gpu_node[placement.gpu_of_rank])
    adapters = {node: _adapters(cluster, node) for node in nodes.tolist()}
    files, files_of = _topologies(cluster, nodes, options)
    lines = [
        *_cases("NCCL_IB_HCA", {node: _hca(own, options["hca"]) for node, own in adapters.items()}, cluster),
        f"export NCCL_CROSS_NIC={_cross_nic(cluster, list(adapters.values()))}",
        *_cases("NCCL_TOPO_FILE", files_of, cluster),
        'exec "$@"',
    ]
    files |= place_file()
    files["nccl.sh"] = script(
        "Runs a command with NCCL's settings for this host.", options["command"], *lines
    )
    notes = (*NOTES, *_names_note(any(adapters.values()), options["hca"]))
    return Export(files, f"./nccl.sh {as_words(options['command'])}", notes, frozenset({"nccl.sh"}))


def _names_note(is_any_named: bool, hca: str) -> Iterator[str]:
    """What to know of the adapters' names."""
    if not is_any_named:
        yield "The topology has no adapters, so none is named."
    elif hca == HCA.default:
        yield (
            "A topology does not say what adapters are called: they are taken to be `mlx5_0`, `mlx5_1` and"
            " so on. Compare with `ibdev2netdev` on a host, where adapters for storage may stand among"
            " them; `--option hca=mlx5_0,mlx5_3,...` gives the names in the order of the topology's."
        )


def _adapters(cluster: Cluster, node: int) -> tuple[int, ...]:
    """The adapters of a node that are in service."""
    own = (cluster.nic_node == node) & cluster.nic_in_service
    return tuple(sorted(cluster.nic_local[own].tolist()))


def _hca(adapters: tuple[int, ...], hca: str) -> str:
    """Names that NCCL takes as they are: without the = mlx5_1 would also be mlx5_10."""
    if not adapters:
        return ""
    listed = None if "{}" in hca else hca.split(",")
    if listed is not None and len(listed) <= adapters[-1]:
        raise UsageError.of(
            "E002",
            f"--option hca names {len(listed)} adapters, a host has {adapters[-1] + 1}",
            expected="the names of all adapters of a host, or one with {} for their number",
        )
    names = [hca.replace("{}", str(index)) if listed is None else listed[index] for index in adapters]
    if not all(_NAME.fullmatch(name) for name in names):
        raise UsageError.of("E002", f"--option hca: {hca!r} cannot be", expected="such as mlx5_{}")
    return "=" + ",".join(names)


def _cross_nic(cluster: Cluster, adapters: list[tuple[int, ...]]) -> int:
    """0, to keep to one rail, where every host can; else 2, to leave rails where that is better."""
    railed = bool(cluster.nic_rail.size) and bool((cluster.nic_rail >= 0).all())
    return 0 if railed and len(set(adapters)) == 1 else 2


def _topologies(
    cluster: Cluster, nodes: NDArray[np.int32], options: dict[str, str]
) -> tuple[dict[str, bytes], dict[int, str]]:
    """Topology files by name, and what each node has to set for its own."""
    given = options["gpu-addresses"], options["nic-addresses"]
    if not any(given):
        both = f"{GPU_ADDRESSES.name} and {NIC_ADDRESSES.name}"
        refuse_idle(OPTIONS, options, {option.name: both for option in (CPU, SOCKETS, PCIE)})
        return {}, _own_file(nodes, options["topo-file"])
    if options["topo-file"]:
        raise UsageError.of(
            "E002",
            "--option topo-file and addresses are both given",
            expected="the site's own file, or the addresses to write one from",
        )
    addresses = Addresses(_addresses(given[0]), _addresses(given[1]))
    board = Board(options["cpu"], int(options["sockets"]), options["pcie"])
    files: dict[str, str] = {}
    names: dict[int, str] = {}
    for node in nodes.tolist():
        gpus = cluster.gpu_node == node
        nics = int((cluster.nic_node == node).sum())
        pairs = tuple(cluster.gpu_nic[gpus].tolist())
        _require_enough(cluster, node, addresses, (len(pairs), nics))
        content = topology_xml(pairs, nics, addresses, board)
        if content not in files:
            files[content] = f"topology-{len(files) + 1}.xml"
        names[node] = f"$here/{files[content]}"
    return {name: content.encode() for content, name in files.items()}, names


def _addresses(text: str) -> tuple[str, ...]:
    entries = tuple(text.lower().split(",")) if text else ()
    wrong = next((entry for entry in entries if not _ADDRESS.fullmatch(entry)), None)
    if wrong is not None or len(set(entries)) < len(entries):
        what = f"{wrong!r} is no PCI address" if wrong is not None else f"{text!r} has an address twice"
        raise UsageError.of("E002", what, expected="addresses such as 0000:1b:00.0, each once")
    return entries


def _require_enough(cluster: Cluster, node: int, addresses: Addresses, needed: tuple[int, int]) -> None:
    """Refuse fewer addresses than a host has GPUs or adapters."""
    for what, given, count in zip(("GPUs", "adapters"), addresses, needed, strict=True):
        if len(given) < count:
            raise UsageError.of(
                "E002",
                f"{len(given)} addresses of {what} are given, {cluster.host_names[node]} has {count} {what}",
                expected="an address for each, of the host with the most",
            )


def _own_file(nodes: NDArray[np.int32], path: str) -> dict[int, str]:
    """The site's own file for every node, where there is one."""
    if not path:
        return {}
    if not re.fullmatch(r"/[A-Za-z0-9_./+-]+", path):
        raise UsageError.of(
            "E002", f"--option topo-file: {path!r} cannot be", expected="a whole path of plain characters"
        )
    return dict.fromkeys(nodes.tolist(), path)


def _cases(variable: str, values: dict[int, str], cluster: Cluster) -> list[str]:
    """Lines that set a variable to what this host has; nothing where no host has anything."""
    kinds = sorted(set(values.values()))
    if kinds in ([], [""]):
        return []
    if len(kinds) == 1:
        return [f'export {variable}="{kinds[0]}"']
    lines = ['case "$(python3 "$here/place.py" --host)" in']
    for kind in kinds:
        names = "|".join(cluster.host_names[node] for node, value in values.items() if value == kind)
        lines.append(f'    {names}) export {variable}="{kind}" ;;' if kind else f"    {names}) ;;")
    return [*lines, "esac"]
