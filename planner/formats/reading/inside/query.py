"""`nvidia-smi -q` and `nvidia-smi --query-gpu=... --format=csv`: values by GPU, and what they mean."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.errors import Position

_BLOCK = re.compile(r"GPU ([0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.[0-7])\s*$")
_VALUE = re.compile(r"( +)(\S.*?)\s*: (.*)$")
_SECTION = re.compile(r"( +)(\S.*?)\s*$")
_UNIT = re.compile(r"\s*\[[^\]]*\]$")
_LOST = re.compile(r"GPU is lost|requires reset|Unknown Error|ERR!", re.IGNORECASE)

# Places in the report of -q, and columns of the CSV, by what they say.
_PLACES = {
    "Product Name": "name",
    "MIG Mode/Current": "mig",
    "Fabric/State": "fabric",
    "GPU Recovery Action": "recovery",
    "ECC Errors/Volatile/DRAM Uncorrectable": "ecc",
    "ECC Errors/Volatile/SRAM Uncorrectable": "ecc_sram",
    "ECC Errors/Volatile/SRAM Uncorrectable Parity": "ecc_parity",
    "ECC Errors/Volatile/SRAM Uncorrectable SEC-DED": "ecc_sram",
    "ECC Errors/Unrepairable Memory": "unrepairable",
    "Remapped Rows/Remapping Failure Occurred": "remap_failed",
    "Remapped Rows/Pending": "remap_pending",
    "Retired Pages/Pending Page Blacklist": "remap_pending",
}
_COLUMNS = {
    "index": "index",
    "name": "name",
    "gpu_name": "name",
    "pci.bus_id": "bus",
    "gpu_bus_id": "bus",
    "mig.mode.current": "mig",
    "fabric.state": "fabric",
    "gpu_recovery_action": "recovery",
    "ecc.errors.uncorrected.volatile.total": "ecc",
    "ecc.errors.uncorrected.volatile.device_memory": "ecc",
    "remapped_rows.failure": "remap_failed",
    "remapped_rows.pending": "remap_pending",
    "retired_pages.pending": "remap_pending",
}
_SURE = {"index", "name", "gpu_name", "pci.bus_id", "gpu_bus_id", "uuid", "gpu_uuid"}


def blocks(lines: list[Position]) -> Iterator[tuple[dict[str, str], Position]]:
    """Values of each GPU of `nvidia-smi -q`."""
    values: dict[str, str] = {}
    at: Position | None = None
    path: list[tuple[int, str]] = []
    count = 0
    for place in lines:
        line = place.text
        if block := _BLOCK.match(line):
            if at is not None:
                yield values, at
            values, path = {"bus": block[1], "index": str(count)}, []
            at = place
            count += 1
        elif at is not None and (said := _VALUE.match(line) or _SECTION.match(line)):
            path = [step for step in path if step[0] < len(said[1])] + [(len(said[1]), said[2])]
            what = _PLACES.get("/".join(name for _, name in path))
            if what and said.re is _VALUE:
                values[what] = said[3].strip()
    if at is not None:
        yield values, at


def rows(lines: list[Position]) -> Iterator[tuple[dict[str, str], Position]]:
    """Values of each row of comma-separated values under a header that names what they are."""
    header: list[str] = []
    for place in lines:
        fields = [each.strip() for each in place.text.split(",")]
        names = [_UNIT.sub("", each).lower() for each in fields]
        if _SURE & set(names):
            header = names
        elif header and len(fields) == len(header):
            values = {
                _COLUMNS[name]: each for name, each in zip(header, fields, strict=True) if name in _COLUMNS
            }
            yield values, place
        else:
            header = []


def health(values: dict[str, str]) -> tuple[str | None, list[str], bool]:
    """Why a GPU is out of service, what it erred in while it stays, and whether MIG cuts it up."""
    down = next((value for value in values.values() if _LOST.search(value)), None)
    for place, what in (
        ("unrepairable", "memory beyond repair"),
        ("remap_failed", "rows could not be remapped"),
    ):
        if _says_yes(values.get(place, "")):
            down = down or what
    action = values.get("recovery", "None")
    if action.lower() not in {"none", "n/a", "[n/a]", ""}:
        down = down or f"its driver asks for {action!r}"
    state = values.get("fabric", "N/A")
    if state.lower() in {"in progress", "not started"}:
        down = down or f"its NVLink fabric is {state.lower()!r}"
    counted = [values.get(place, "").split("|")[0].strip() for place in ("ecc", "ecc_sram", "ecc_parity")]
    total = sum(int(count[:18]) for count in counted if count.isdecimal())
    erred = [f"{total:,} uncorrectable memory errors since the driver was loaded"] if total else []
    if _says_yes(values.get("remap_pending", "")):
        erred.append("memory waits for a reset to be remapped")
    return down, erred, values.get("mig", "").lower() == "enabled"


def _says_yes(value: str) -> bool:
    return value.strip().lower() in {"yes", "1"}
