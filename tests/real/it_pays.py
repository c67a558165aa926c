"""The same job on the same hosts in three orders: times of a step beside what crossing bytes predict.

Everything comes from the page ``docs/howto/see-it-pay.md``: its files are written and its commands
run. ``python -m tests.real.it_pays`` measures and writes the table that the page shows;
with ``--json`` it prints the numbers and writes nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from tests.docs.conftest import ROOT, load_script
from tests.real.hosts import Hosts
from tests.real.other import PYTHON
from tests.real.slurm import Slurm

PAGE = ROOT / "docs" / "howto" / "see-it-pay.md"
TABLE = PAGE.with_suffix(".txt")
LEAVES = [["n1", "n3", "n5", "n7"], ["n2", "n4", "n6", "n8"]]
LINK, TRUNK = "200mbit", "50mbit"
ORDERS = {"planner": "planner", "block": "slurm-block", "cyclic": "slurm-cyclic"}
LONGEST_S = 300


def prepare(folder):
    """Write the page's files, run its commands, and add the script of the job."""
    for outcome in load_script("commands").run_page(PAGE, folder):
        assert outcome.exit_code == 0, outcome.lines
    shutil.copy(Path(__file__).with_name("step.py"), folder)


def predicted(folder):
    """The ratio of each order to the planner's, from ``planner compare --json``."""
    from tests.cli.commands import planner

    told = json.loads(planner("compare", folder / "job.placement.json", "--json").out)
    ratios = {order["name"]: order["ratio"] for order in told["orders"]}
    return {order: ratios[name] for order, name in ORDERS.items()}


def measured(folder):
    """Median seconds of a step of each order, each launched by Slurm as the page says."""
    path = f"{PYTHON.parent}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
    env = {"PATH": path, "GLOO_SOCKET_IFNAME": "eth0", "OMP_NUM_THREADS": "1"}
    topology = (folder / "topology.conf").read_text()
    with (
        Hosts(LEAVES, link=LINK, trunk=TRUNK) as hosts,
        Slurm(hosts, gpus=2, topology=topology) as slurm,
    ):
        return {order: _step_s(slurm, order, folder, env) for order in ORDERS}


def _step_s(slurm, order, folder, env):
    done = slurm.run(["bash", f"{order}.sh"], cwd=folder, env=env, timeout=LONGEST_S)
    log = (folder / f"{order}.log").read_text()
    assert done.returncode == 0, done.stderr + log
    report = next(line for line in log.splitlines() if line.startswith("{"))
    return json.loads(report)["step_s"]


def run():
    """All numbers, by order."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        expected, found = predicted(folder), measured(folder)
    return [
        {"order": order, "step_s": seconds, "ratio": seconds / found["planner"], "predicted": expected[order]}
        for order, seconds in found.items()
    ]


def table(rows):
    """The numbers as the page shows them."""
    lines = [f"{'order':<10}{'step':>8}{'measured':>12}{'predicted':>12}"]
    lines += [
        f"{row['order']:<10}{row['step_s']:>6.2f} s{row['ratio']:>11.2f}x{row['predicted']:>11.2f}x"
        for row in rows
    ]
    return "\n".join([*lines, "", f"measured on {os.cpu_count()} cores"]) + "\n"


def main():
    """Measure, then write the table or print the numbers."""
    rows = run()
    if "--json" in sys.argv[1:]:
        sys.stdout.write(f"{json.dumps(rows, indent=2)}\n")
    else:
        TABLE.write_text(table(rows))
        sys.stdout.write(table(rows))


if __name__ == "__main__":
    main()
