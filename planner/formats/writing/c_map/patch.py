"""What differs between two maps of the same shape, as a file that turns one into the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from planner.errors import UsageError
from planner.formats.writing.c_map.layout import (
    BYTE_ORDERS,
    ENDIAN,
    HEADER,
    PATCH,
    SECTIONS,
    VERSION,
    sealed,
    section_rows,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from planner.formats.writing.c_map.layout import ByteOrder

TEXTS = list(SECTIONS).index("strings")


def patch(base: bytes, new: bytes, byte_order: str) -> bytes:
    """The rows of `new` that differ from those of `base`, which a patched map has in their place.

    Parameters
    ----------
    base, new
        Maps in the same byte order, ``little`` or ``big``.

    Raises
    ------
    UsageError
        E025 where the maps differ in more than rows: another job, or another cluster.
    """
    order = BYTE_ORDERS[byte_order]
    old, header = (np.frombuffer(each, HEADER.newbyteorder(order), 1)[0] for each in (base, new))
    _require_same_shape(base, new, old, header, byte_order)
    parts: list[bytes] = []
    for index, name in enumerate(SECTIONS):
        before, after = (section_rows(each, name, byte_order) for each in (base, new))
        parts += _parts(index, before, after, order)
    about = np.zeros((), PATCH)
    about["magic"], about["endian"], about["version"] = b"PLANPAT", ENDIAN, VERSION
    about["base_topology"], about["base_workload"] = old["topology_digest"], old["workload_digest"]
    about["base_checksum"], about["parts"] = old["checksum"], len(parts)
    about["file_bytes"] = PATCH.itemsize + HEADER.itemsize + sum(len(part) for part in parts)
    head = about.astype(PATCH.newbyteorder(order)).tobytes()
    return sealed(bytearray(b"".join([head, new[: HEADER.itemsize], *parts])), PATCH, order)


def changed_rows(base: NDArray[Any], new: NDArray[Any]) -> NDArray[np.int64]:
    """Indices of the rows in which two tables of the same shape differ, shape (rows,)."""
    before, after = (_as_words(each) for each in (base, new))
    return np.flatnonzero((before != after).any(axis=1))


def _as_words(rows: NDArray[Any]) -> NDArray[np.uint32]:
    return np.frombuffer(rows.tobytes(), np.uint32).reshape(len(rows), -1)


def _parts(section: int, base: NDArray[Any], new: NDArray[Any], order: ByteOrder) -> Iterator[bytes]:
    """Numbers and contents of the rows of a section that changed, if any did."""
    if section == TEXTS or not len(base):
        return
    changed = changed_rows(base, new)
    if changed.size:
        numbers = np.concatenate(([section, changed.size], changed)).astype(f"{order}u4")
        yield numbers.tobytes() + new[changed].tobytes()


def _require_same_shape(base: bytes, new: bytes, old: Any, header: Any, byte_order: str) -> None:
    same = (old["section"] == header["section"]).all()
    texts = (section_rows(each, "strings", byte_order).tobytes() for each in (base, new))
    if not same or len(set(texts)) > 1:
        raise UsageError.of(
            "E025",
            "the placements are not of one job on one cluster: hosts, ranks, stages or names differ",
            expected="the placement before and the one after ranks have moved",
            suggestion="--to c without --changed-from, for the whole map",
        )
