"""Cells of tables of runs: numbers and words as people write them."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NEEDED = ("id", "source", "system", "gpus", "model", "global_batch", "seq")
# What cells say that say nothing.
NOTHING = {"", "-", "--", "?", "n/a", "na", "none", "null", "nan", "unknown", "unstated", "not stated", "tbd"}
WORDS = {
    "precision": {
        "nvfp4": "nvfp4",
        "fp4": "nvfp4",
        "mxfp8": "mxfp8",
        "fp8": "fp8",
        "float8": "fp8",
        "bf16": "bf16",
        "bfloat16": "bf16",
        "fp16": "fp16",
        "float16": "fp16",
        "half": "fp16",
        "mixed": "bf16",
        "amp": "bf16",
        "fp32": "fp32",
        "float32": "fp32",
    },
    "dp_mode": {
        "no_reshard": "fsdp_no_reshard",
        "fsdp": "fsdp",
        "zero-3": "fsdp",
        "zero3": "fsdp",
        "ddp": "ddp",
        "zero-0": "ddp",
        "zero0": "ddp",
        "zero": "distributed_optimizer",
        "optim": "distributed_optimizer",
    },
    "recompute": {"full": "full", "select": "selective", "partial": "selective", "no": "none"},
}
DEFAULTS = {"precision": "bf16", "dp_mode": "distributed_optimizer", "recompute": "unstated"}
UNITS = "s|sec|seconds|tflops?(?:/s)?|gpus?"
NUMBER = re.compile(rf"([-+]?[\d.]+(?:e[-+]?\d+)?)\s*(k|m)?\s*({UNITS})?", re.IGNORECASE)
TIMES = {"": 1, "k": 1024, "m": 1024**2}


class Row(dict[str, str]):
    """Cells by the names of their columns; a column that the table does not have is blank."""

    def __missing__(self, key: str) -> str:
        if key in NEEDED:
            raise ValueError(f"expected a column {key}, as well as {', '.join(NEEDED)}")
        return ""

    def says(self, key: str) -> bool:
        """Whether the cell says anything."""
        return self[key].lower() not in NOTHING

    def amount(self, key: str) -> float:
        """A number above 0, with or without thousands' commas, a suffix K or M, and its unit.

        Raises
        ------
        ValueError
            Where the cell is none.
        """
        found = NUMBER.fullmatch(self[key].replace(",", "").replace("_", ""))
        try:
            value = float(found[1]) * TIMES[(found[2] or "").lower()] if found else 0.0
        except ValueError:
            value = 0.0
        if not 0 < value < float("inf"):
            raise ValueError(f"expected a number above 0 as {key}, got {self[key]!r}")
        return value

    def number(self, key: str, default: int | None = 1) -> int:
        """A whole number above 0; `default`, where there is one, if the cell says nothing."""
        if default is not None and not self.says(key):
            return default
        value = self.amount(key)
        if value != int(value):
            raise ValueError(f"expected a whole number as {key}, got {self[key]!r}")
        return int(value)

    def word(self, key: str) -> str:
        """What a cell says in the planner's words."""
        said = self[key].lower()
        if key == "recompute" and said == "none":
            return "none"
        if not self.says(key):
            return DEFAULTS[key]
        found = next((ours for theirs, ours in WORDS[key].items() if theirs in said), None)
        if found is None and key == "precision":
            raise ValueError(f"expected a precision such as {', '.join(WORDS[key])}, got {self[key]!r}")
        return found or DEFAULTS[key]


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a table, names of its columns in any case."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        for each in csv.DictReader(file):
            cells = {str(key).strip().lower(): value for key, value in each.items()}
            yield Row({key: value.strip() for key, value in cells.items() if isinstance(value, str)})
