"""Matrices as `nvidia-smi topo -m` writes them: tabs, an underlined header, cells that are left empty."""

from __future__ import annotations

LEGEND = """
Legend:

  X    = Self
  SYS  = Connection traversing PCIe as well as the SMP interconnect between NUMA nodes (e.g., QPI/UPI)
  NV#  = Connection traversing a bonded set of # NVLinks
"""


def topo(gpus, nics=(), links=18, near=None, cells=None):
    """A matrix.

    Parameters
    ----------
    gpus
        How many.
    nics
        Names of the adapters, as the legend gives them.
    links
        NVLinks between each two GPUs.
    near
        For each adapter the cell of GPUs, by index; NODE where there is none.
    cells
        Cells that differ, by the names of row and column; they hold both ways.
    """
    names = [f"GPU{index}" for index in range(gpus)] + [f"NIC{index}" for index in range(len(nics))]
    cells = {pair: cell for (a, b), cell in (cells or {}).items() for pair in ((a, b), (b, a))}

    def cell(a, b):
        if a == b:
            return " X "
        if (a, b) in cells:
            return cells[a, b]
        if a[:3] == b[:3] == "GPU":
            return f"NV{links}"
        gpu, nic = sorted((a, b))
        if gpu[:3] == "NIC":
            return "NODE"
        return (near or {}).get(int(nic[3:]), {}).get(int(gpu[3:]), "NODE")

    head = "\t\x1b[4m" + "\t".join([*names, "CPU Affinity", "NUMA Affinity", "GPU NUMA ID"]) + "\x1b[0m"
    rows = ["\t".join([name, *(cell(name, other) for other in names), *_rest(name)]) for name in names]
    legend = "".join(f"  NIC{index}: {name}\n" for index, name in enumerate(nics))
    return "\n".join([head, *rows]) + "\n" + LEGEND + (f"\nNIC Legend:\n\n{legend}\n" if nics else "")


def _rest(name):
    """Of the last columns; those of adapters are empty."""
    return ["0-63", "0", "", "N/A"] if name.startswith("GPU") else ["", "", "", ""]
