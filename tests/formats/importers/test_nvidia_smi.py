"""What `nvidia-smi` prints: the matrix between devices, models and health."""

from __future__ import annotations

import pytest

from planner.errors import InputError
from planner.formats.importers import nvidia_smi
from planner.formats.site.site import Source
from tests.formats.importers.fixtures import source
from tests.formats.importers.smi import topo

ALL = ["four-on-switches.topo", "four.table", "two.query"]


def _read(text):
    return nvidia_smi.read(Source("smi", text))


def _codes(site):
    return [problem.code for problem in site.findings]


def _names(site):
    return [nic.name for nic in site.node.nics]


@pytest.mark.parametrize("name", ALL)
def test_real_reports_are_recognised_and_have_nothing_odd(name):
    """Reports of a healthy node, as the program printed them."""
    report = source(f"nvidia_smi/{name}")
    assert nvidia_smi.recognises(report)
    site = nvidia_smi.read(report)
    assert (site.findings, site.node.gpus_down) == ([], {})
    assert site.node.gpus == (2 if name == "two.query" else 4)
    assert site.node.gpu_model == (None if name.endswith("topo") else "h200")


def test_several_reports_in_one_text():
    """The model of the one gives the links of the other their bandwidth."""
    text = source("nvidia_smi/four-on-switches.topo").text + source("nvidia_smi/four.table").text
    node = _read(text).node
    assert (node.gpus, node.gpu_model, node.scale_up_bytes_per_s) == (4, "h200", 450e9)


@pytest.mark.parametrize(
    ("gpus", "links", "of_each"),
    [(8, 18, 18), (4, 6, 18), (2, 12, 12), (16, 6, 6), (8, 12, 12)],
    ids=["switches", "mesh", "bridge", "two-boards", "a100"],
)
def test_links_add_up(gpus, links, of_each):
    """Those of a mesh do, and through switches every cell counts the same ones."""
    assert _read(topo(gpus, links=links)).node.scale_up_links == of_each


def test_adapters_of_a_node_with_two_for_two_gpus():
    """Each pair of GPUs has two adapters near, and those for storage are near to none."""
    near = {nic: dict.fromkeys((nic // 2 * 2, nic // 2 * 2 + 1), "PXB") for nic in range(8)}
    site = _read(topo(8, [f"mlx5_{n}" for n in range(10)], 12, near))
    assert _names(site) == [f"mlx5_{n}" for n in range(8)]
    assert [nic.rail for nic in site.node.nics] == list(range(8))
    assert site.assumptions == [
        "adapters left out, since they are near to no GPU, others are: mlx5_8, mlx5_9"
    ]


def test_adapters_come_in_the_order_of_their_gpus():
    """NIC i is the one of GPU i, whatever its name."""
    near = {nic: {3 - nic: "PIX"} for nic in range(4)}
    site = _read(topo(4, [f"mlx5_{n}" for n in range(4)], near=near))
    assert _names(site) == ["mlx5_3", "mlx5_2", "mlx5_1", "mlx5_0"]
    assert "mlx5_3, mlx5_2, mlx5_1, mlx5_0" in site.assumptions[0]


def test_adapters_by_their_own_names():
    """Older programs have no legend and head the columns with the names themselves."""
    text = topo(2, ["a", "b"], near={0: {0: "PIX"}, 1: {1: "PIX"}})
    text = text.partition("\nNIC Legend")[0].replace("NIC", "mlx5_")
    assert _names(_read(text)) == ["mlx5_0", "mlx5_1"]


def test_virtual_functions_by_the_dozen():
    """Of eight adapters beside each GPU one is kept."""
    near = {nic: {nic // 8: "PIX"} for nic in range(32)}
    site = _read(topo(4, [f"mlx5_{n}" for n in range(32)], near=near))
    assert _names(site) == ["mlx5_0", "mlx5_8", "mlx5_16", "mlx5_24"]
    assert "as virtual functions do: mlx5_1, " in site.assumptions[0]


def test_two_ports_of_each_gpu_are_kept():
    """Two adapters beside each GPU may both carry traffic."""
    near = {nic: {nic % 4: "PIX"} for nic in range(8)}
    site = _read(topo(4, [f"mlx5_{n}" for n in range(8)], near=near))
    assert _names(site) == ["mlx5_0", "mlx5_4", "mlx5_1", "mlx5_5", "mlx5_2", "mlx5_6", "mlx5_3", "mlx5_7"]


def test_a_gpu_without_its_adapter():
    """The hole in the rails is kept as a NIC out of service, and told at the GPU's row."""
    near = {nic: {gpu: "PIX"} for nic, gpu in enumerate((0, 1, 2, 4, 5, 6, 7))}
    site = _read(topo(8, [f"mlx5_{n}" for n in range(7)], near=near))
    assert _codes(site) == ["I065"]
    assert site.findings[0].position.line == 5
    assert [nic.down is not None for nic in site.node.nics] == [index == 3 for index in range(8)]


def test_a_gpu_off_nvlink():
    """Its whole row says SYS: it is out of service, and the links of the others hold."""
    off = {("GPU5", f"GPU{n}"): "SYS" for n in range(8) if n != 5}
    site = _read(topo(8, cells=off))
    assert _codes(site) == ["I062"]
    assert site.findings[0].position.line == 7
    assert list(site.node.gpus_down) == [5]
    assert site.node.scale_up_links == 18


def test_a_gpu_with_fewer_links():
    """The node has what its worst GPU has."""
    fewer = {("GPU2", f"GPU{n}"): "NV16" for n in range(8) if n != 2}
    site = _read(topo(8, cells=fewer))
    assert _codes(site) == ["I063"]
    assert site.node.scale_up_links == 16


def test_bridges_join_pairs_only():
    """Then what passes through the slots bounds the node."""
    pairs = {
        (f"GPU{a}", f"GPU{b}"): "SYS"
        for a in range(4)
        for b in range(4)
        if a < b and (a, b) not in {(0, 1), (2, 3)}
    }
    site = _read(topo(4, links=12, cells=pairs))
    assert _codes(site) == ["I070"]
    assert site.node.scale_up_bytes_per_s == 32e9


def test_no_links_at_all():
    """Slots carry it all, which is no finding."""
    site = _read(topo(4, cells={(f"GPU{a}", f"GPU{b}"): "PHB" for a in range(4) for b in range(4)}))
    assert (_codes(site), site.node.scale_up_bytes_per_s) == ([], 32e9)


def test_a_matrix_of_something_else():
    """That of `topo -p2p` counts GPUs, and says nothing of their links."""
    node = _read("\tGPU0\tGPU1\nGPU0\tX\tOK\nGPU1\tOK\tX\n\nLegend:\n").node
    assert (node.gpus, node.scale_up_bytes_per_s, node.scale_up_links) == (2, None, None)


def test_a_table_copied_from_a_terminal():
    """Tabs have become spaces, and cells run into each other."""
    text = topo(4, [f"mlx5_{n}" for n in range(4)], near={n: {n: "PIX"} for n in range(4)})
    text = (
        text.replace("\x1b[4m", "").replace("\x1b[0m", "").expandtabs(8).replace("NODE    NODE", "NODENODE")
    )
    site = _read(text)
    assert _codes(site) == []
    assert _names(site) == [f"mlx5_{n}" for n in range(4)]


def test_a_row_cut_short():
    """It is told, and the other rows say what it does not."""
    text = topo(4).replace("GPU2\tNV18\tNV18\t X \tNV18", "GPU2\tNV18", 1)
    site = _read(text)
    assert _codes(site) == ["I067"]
    assert site.findings[0].position.line == 4
    assert (site.node.gpus_down, site.node.scale_up_links) == ({}, 18)


def test_a_table_cut_short():
    """Rows that are missing are told, and the columns say what they would."""
    text = topo(4)
    site = _read(text[: text.index("GPU2\t", text.index("\nGPU1\t"))])
    assert _codes(site) == ["I067"]
    assert "GPU2, GPU3" in site.findings[0].message
    assert (site.node.gpus, site.node.gpus_down, site.findings[0].position.line) == (4, {}, 3)


def test_list_of_gpus_with_instances():
    """A GPU that MIG cuts up is no whole GPU for a rank."""
    text = (
        "GPU 0: NVIDIA A100-SXM4-80GB (UUID: GPU-0)\n"
        "GPU 1: NVIDIA A100-SXM4-80GB (UUID: GPU-1)\n"
        "  MIG 3g.40gb     Device  0: (UUID: MIG-0)\n"
        "  MIG 3g.40gb     Device  1: (UUID: MIG-1)\n"
    )
    site = _read(text)
    assert (site.node.gpus, site.node.gpu_model, list(site.node.gpus_down)) == (2, "a100", [1])
    assert _codes(site) == ["I068"]


def test_state_of_each_link():
    """`nvidia-smi nvlink -s` lists those that are not active."""
    state = {(1, 3): "<inactive>", (1, 4): "<inactive>"}
    text = "".join(
        f"GPU {gpu}: NVIDIA H200 (UUID: GPU-{gpu})\n"
        + "".join(f"\t Link {link}: {state.get((gpu, link), '26.562 GB/s')}\n" for link in range(18))
        for gpu in range(4)
    )
    site = _read(text)
    assert (_codes(site), site.node.scale_up_bytes_per_s) == (["I063"], 400e9)
    assert site.findings[0].position.line == 20


QUERY = (
    "index, name, pci.bus_id, ecc.errors.uncorrected.volatile.total, mig.mode.current, memory.total [MiB]\n"
)
HEALTHY = "0, NVIDIA H100 80GB HBM3, 00000000:18:00.0, 0, Disabled, 81559 MiB\n"


@pytest.mark.parametrize(
    ("row", "code", "down"),
    [
        ("1, NVIDIA H100 80GB HBM3, 00000000:2A:00.0, 3, Disabled, 81559 MiB", "I071", False),
        ("1, NVIDIA H100 80GB HBM3, 00000000:2A:00.0, 0, Enabled, 81559 MiB", "I068", True),
        ("1, NVIDIA H100 80GB HBM3, 00000000:2A:00.0, [GPU requires reset], [N/A], 1 MiB", "I064", True),
        ("1, [Unknown Error], 00000000:2A:00.0, [GPU is lost], [GPU is lost], [GPU is lost]", "I064", True),
    ],
)
def test_values_of_a_query(row, code, down):
    """Health by comma-separated values, each told at its row."""
    text = QUERY + HEALTHY + row + "\n"
    assert nvidia_smi.recognises(Source("x", text))
    site = _read(text)
    assert (site.node.gpus, site.node.gpu_model) == (2, "h100")
    assert _codes(site) == [code]
    assert site.findings[0].position.line == 3
    assert list(site.node.gpus_down) == [1] * down


@pytest.mark.parametrize(
    ("healthy", "ill", "code", "down"),
    [
        ("GPU Recovery Action                                : None", "Reset", "I064", True),
        ("State                                          : Completed", "In Progress", "I064", True),
        ("Remapping Failure Occurred                     : No", "Yes", "I064", True),
        ("Unrepairable Memory                            : No", "Yes", "I064", True),
        ("DRAM Uncorrectable                         : 0", "7", "I071", False),
        ("Pending                                        : No", "Yes", "I071", False),
        ("Current                                        : Disabled", "Enabled", "I068", True),
    ],
)
def test_health_of_a_full_report(healthy, ill, code, down):
    """Of `nvidia-smi -q`: what asks for repair is out of service, the rest told."""
    text = source("nvidia_smi/two.query").text
    assert healthy in text
    site = _read(text.replace(healthy, healthy.partition(": ")[0] + ": " + ill, 1))
    assert _codes(site) == [code]
    assert list(site.node.gpus_down) == [0] * down


def test_errors_in_the_table():
    """A GPU whose line says ERR! is out of service."""
    text = source("nvidia_smi/four.table").text.replace("| N/A   37C    P0", "| ERR!  ERR! ERR!", 1)
    site = _read(text)
    assert (_codes(site), list(site.node.gpus_down)) == (["I064"], [1])


def test_a_lost_gpu_is_counted():
    """The driver no longer lists it, so it comes after those that are left."""
    lost = "Unable to determine the device handle for GPU0000:BA:00.0: Unknown Error\n"
    site = _read(topo(7) + lost)
    assert (site.node.gpus, list(site.node.gpus_down)) == (8, [7])
    assert _codes(site)[0] == "I064"
    assert nvidia_smi.recognises(Source("x", lost))


def test_lines_of_the_kernel_log():
    """An Xid counts for the GPU at that place on the bus; of one in no report the number is not known."""
    table = source("nvidia_smi/four.table").text
    line = "[ 99.1] NVRM: Xid (PCI:0000:00:%s): %s, pid=7, GPU has fallen off the bus.\n"
    site = _read(table + line % ("08", "79") + line % ("09", "31"))
    assert (list(site.node.gpus_down), sorted(_codes(site))) == ([2], ["I064", "I071"])
    site = _read(topo(4) + line % ("08", "79"))
    assert (site.node.gpus, site.node.gpus_down, _codes(site)) == (4, {}, ["I064"])


def test_cards_for_slots_are_noted():
    """Their figures are not those of the module."""
    site = _read("GPU 0: NVIDIA H100 PCIe (UUID: GPU-0)\n")
    assert site.node.gpu_model == "h100"
    assert "card for a slot" in site.assumptions[0]


def test_models_that_differ():
    """The more frequent one is taken, and it is told."""
    rows = "".join(f"GPU {n}: NVIDIA {'A100' if n == 2 else 'H200'} (UUID: x)\n" for n in range(4))
    site = _read(rows)
    assert (site.node.gpu_model, _codes(site)) == ("h200", ["I069"])
    assert site.findings[0].position.line == 3


def test_many_hosts_by_prefix():
    """As pdsh gathers them: each host has its own health, and one without GPUs is out of service."""
    off = {("GPU1", f"GPU{n}"): "SYS" for n in range(4) if n != 1}
    said = {"n1": topo(4), "n2": topo(4, cells=off), "n3": "No devices were found\n"}
    text = "".join(f"{host}: {line}\n" for host, lines in said.items() for line in lines.splitlines())
    report = Source("smi", text)
    assert nvidia_smi.recognises(report)
    site = nvidia_smi.read(report)
    assert {name: list(host.node.gpus_down) for name, host in site.hosts.items()} == {
        "n1": [],
        "n2": [1],
        "n3": [],
    }
    assert [host.down is None for host in site.hosts.values()] == [True, True, False]
    assert [(problem.code, problem.message[:3]) for problem in site.findings] == [
        ("I062", "n2:"),
        ("I060", "n3:"),
    ]
    lines = text.splitlines()
    position = site.findings[0].position
    assert (position.text, position.column) == (lines[position.line - 1], 5)
    assert position.text.startswith("n2: GPU1")


@pytest.mark.parametrize("head", ["n[1-2,7]", "n[1-2,7] (3)"])
def test_many_hosts_under_headings(head):
    """As dshbak and clush write what several hosts have in common."""
    rule = "-" * 16
    text = f"{rule}\n{head}\n{rule}\n{topo(4)}{rule}\nn9\n{rule}\n{topo(2)}"
    site = _read(text)
    assert {name: host.node.gpus for name, host in site.hosts.items()} == {"n1": 4, "n2": 4, "n7": 4, "n9": 2}


def test_headings_that_are_no_host_list():
    """They are told, and what stands under them is left out."""
    rule = "-" * 16
    site = _read(f"{rule}\nn[1-\n{rule}\n{topo(4)}{rule}\nn9\n{rule}\n{topo(2)}")
    assert list(site.hosts) == ["n9"]
    assert _codes(site) == ["I020"]


def test_nothing_of_the_kind():
    """A text without any GPU is refused with what is expected."""
    with pytest.raises(InputError, match="I060"):
        _read("No devices were found\n")
    assert not nvidia_smi.recognises(Source("x", "name: a, b\nGPU: 3\n"))
