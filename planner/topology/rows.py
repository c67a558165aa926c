"""Rows of an authored topology as arrays: which domain lies in which, and the names of nodes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from math import prod
from string import Formatter
from typing import TYPE_CHECKING, Any

import numpy as np

from planner.errors import InputError, did_you_mean, nearest
from planner.source import described
from planner.topology.cluster import Tier
from planner.topology.names import NAME_FORM, count, expand, require_names
from planner.topology.schema import ROW_KEYS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.source import Findings
    from planner.topology.cluster import IntArray
    from planner.topology.schema import Row, Topology

MOST_GPUS = 2_000_000

RowNames = list[list[str]]
"""Names of one row by tier, outermost first, the whole cluster left out."""


@dataclass(frozen=True, eq=False)
class Grid:
    """The domains of all rows.

    Parameters
    ----------
    tiers
        Innermost first, with names and parents only.
    row_of_node
        Row that each node comes from, shape (nodes,).
    repeated
        Instances of the rows' products that an earlier row, or the same one, already has; they are
        no nodes of their own.
    complete
        Whether every row could be read.
    """

    tiers: tuple[Tier, ...]
    row_of_node: IntArray
    repeated: IntArray
    complete: bool = True


def read_rows(findings: Findings, spec: Topology) -> list[RowNames] | None:
    """Names of every row, what is wrong with them noted; None where nothing can be made of them.

    A row that cannot be read has no names, and so no nodes.
    """
    tiers = [tier.name for tier in spec.tiers]
    rows, gpus = [], []
    for index, row in enumerate(spec.domains):
        before = len(findings.problems)
        _check_keys(findings, tiers, row, index)
        meant = _meant_names(findings, tiers, row, index)
        nodes = prod([_counted(findings, names, index, key) for key, names in meant.values()])
        gpus.append(row.gpus * nodes)
        told = {problem.code for problem in findings.problems[before:]}
        rows.append({} if len(meant) < len(tiers) - 1 or told - {"T003"} else meant)
    if sum(gpus) > MOST_GPUS:
        largest = gpus.index(max(gpus))
        findings.add(
            "T017",
            f"the cluster has {sum(gpus):,} GPUs, {gpus[largest]:,} in this row",
            ("domains", largest),
            expected=f"at most {MOST_GPUS:,} in all",
        )
        return None
    if not any(rows):
        return None
    return [[expand(row[tier][1]) if row else [] for tier in reversed(tiers[:-1])] for row in rows]


def _meant_names(
    findings: Findings, tiers: Sequence[str], row: Row, index: int
) -> dict[str, tuple[str, Any]]:
    """By tier the key under which the row has its names, and these; a mistyped key is taken as meant."""
    found = {tier: (tier, row.names[tier]) for tier in tiers[:-1] if tier in row.names}
    for key in row.names:
        if key in tiers:
            continue
        meant = nearest(key, [*tiers[:-1], *ROW_KEYS])
        if meant is not None and meant in tiers:
            found.setdefault(meant, (key, row.names[key]))
        elif meant is not None:
            findings.doubt(("domains", index, meant))
    return found


def _check_keys(findings: Findings, tiers: Sequence[str], row: Row, index: int) -> None:
    """Note what a row names that is no tier, and each tier that it leaves out."""
    inner = tiers[:-1]
    meant = {nearest(key, inner) for key in row.names if key not in tiers}
    for key in row.names:
        if key == tiers[-1]:
            findings.add(
                "T003",
                f"{key!r} is the whole cluster and has no name",
                ["domains", index, key],
                key=True,
                expected=f"the tiers beneath it: {', '.join(inner)} (tiers are listed innermost first)",
            )
        elif key not in inner:
            findings.add(
                "T003",
                f"unknown tier or key {key!r} in a row",
                ["domains", index, key],
                key=True,
                expected=f"a tier ({', '.join(inner)}) or one of {', '.join(ROW_KEYS)}",
                suggestion=did_you_mean(key, [*inner, *ROW_KEYS]),
            )
    for tier in inner:
        if tier not in row.names and tier not in meant:
            findings.add(
                "T004",
                f"the row leaves out {tier!r}",
                ["domains", index],
                expected=f"a name or a range of names for each of {', '.join(inner)}",
            )


def _counted(findings: Findings, names: Any, index: int, tier: str) -> int:
    """How many names the row has under the key `tier`; 1 where they cannot be read."""
    if not isinstance(names, str):
        findings.add(
            "V003",
            f"got {described(names)}",
            ("domains", index, tier),
            expected="a name or a range of names, as text",
            suggestion=findings.document.quoted(("domains", index, tier)),
        )
        return 1
    try:
        require_names(names)
        return count(names)
    except InputError as error:
        findings.take(error, ("domains", index, tier))
        return 1


def build_grid(tier_names: Sequence[str], rows: Sequence[RowNames]) -> Grid:
    """Number the domains of every tier in the order in which the rows first name them."""
    cluster = Tier(tier_names[-1], [tier_names[-1]], np.zeros(0, np.int32))
    tiers = [cluster]
    # For each row the domains of the tier just done, one entry an instance in the row's product.
    instances = [np.zeros(1, np.int64) for _ in rows]
    repeated = np.zeros(0, np.int64)
    for level, name in enumerate(reversed(tier_names[:-1])):
        codes: dict[str, int] = {}
        of_row = [
            np.array([codes.setdefault(own, len(codes)) for own in row[level]], np.int64) for row in rows
        ]
        parent = np.concatenate([np.repeat(i, len(c)) for i, c in zip(instances, of_row, strict=True)])
        code = np.concatenate([np.tile(c, len(i)) for i, c in zip(instances, of_row, strict=True)])
        _, first, inverse = np.unique(parent * len(codes) + code, return_index=True, return_inverse=True)
        order = np.argsort(first)
        number = np.empty(len(order), np.int64)
        number[order] = np.arange(len(order))
        domain = number[inverse]
        chosen = first[order]
        words = list(codes)
        tiers.append(Tier(name, [words[c] for c in code[chosen]], parent[chosen].astype(np.int32)))
        sizes = [len(i) * len(c) for i, c in zip(instances, of_row, strict=True)]
        instances = np.split(domain, np.cumsum(sizes)[:-1])
        again = np.ones(len(domain), np.bool_)
        again[chosen] = False
        repeated = np.flatnonzero(again)
    row_of_node = np.repeat(np.arange(len(rows)), [len(i) for i in instances])
    return Grid(
        tuple(reversed(tiers)),
        row_of_node.astype(np.int32),
        repeated.astype(np.int32),
        complete=all(row[0] for row in rows),
    )


def host_names(tier_names: Sequence[str], names: RowNames, template: str | None) -> list[str]:
    """Host name of every node of a row, in its order; `template` as `check_template` allows."""
    if template is None:
        return ["-".join(path) for path in product(*names)]
    outer = list(reversed(tier_names[:-1]))
    by_place = template.format_map({tier: f"{{{place}}}" for place, tier in enumerate(outer)})
    return [by_place.format(*path) for path in product(*names)]


def check_template(template: str, tier_names: Sequence[str]) -> None:
    """Raise an InputError (T007) unless a host name template holds plain tier names only."""
    expected = f"text with {', '.join(f'{{{name}}}' for name in reversed(tier_names[:-1]))}"
    if not template or template[0] in ".-":
        raise InputError.of("T007", f"{template[:60]!r} cannot begin a host name", expected=expected)
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise InputError.of("T007", f"host name {template!r}: {error}", expected=expected) from None
    for literal, field, form, conversion in parts:
        bad = re.search(r"[^A-Za-z0-9._-]", literal)
        if bad:
            raise InputError.of(
                "T007",
                f"{bad[0]!r} cannot stand in a host name",
                expected=f"{expected}, and {NAME_FORM}",
            )
        if field is not None and (field not in tier_names[:-1] or form or conversion):
            raise InputError.of(
                "T007",
                f"{{{field}{'!' + conversion if conversion else ''}{':' + form if form else ''}}} is no tier",
                expected=expected,
                suggestion=did_you_mean(field, tier_names[:-1]),
            )
