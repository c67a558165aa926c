"""Where everything lies in a map: the types of ``planner_map.h``, and tables as bytes.

Every type here has its twin in the header, which asserts sizes and offsets when it is compiled.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

VERSION = 1
ENDIAN = 0x01020304
ALIGNMENT = 64
NONE = 0xFFFFFFFF
"""Stands where there is no rank, GPU, NIC, rail or spare."""

AXES = ("tp", "cp", "ep", "edp", "dp", "pp")
DIGEST = ("u1", (32,))

SECTION = np.dtype([("offset", "u8"), ("rows", "u4"), ("row_bytes", "u4")])
RANK = np.dtype(
    [
        ("host", "u4"),
        ("gpu", "u4"),
        ("local_gpu", "u4"),
        ("local_rank", "u4"),
        ("nic", "u4"),
        ("rail", "u4"),
        ("coordinate", "u4", (len(AXES),)),
        ("group", "u4", (len(AXES),)),
        ("next", "u4", (len(AXES),)),
        ("prev", "u4", (len(AXES),)),
        ("spare", "u4"),
        ("host_spare", "u4"),
    ]
)
GPU = np.dtype([(name, "u4") for name in ("host", "local_gpu", "nic", "rail", "rank", "flags")])
HOST = np.dtype([(name, "u4") for name in ("name", "path", "first_gpu", "gpus", "ranks")])
STAGE = np.dtype(
    [(name, "u4") for name in ("first_chunk", "chunks", "first_operation", "operations", "layers")]
)
CHUNK = np.dtype(
    [
        (name, "u4")
        for name in (
            "first_layer",
            "layers",
            "flags",
            "pipeline",
            "place",
            "next_stage",
            "next_chunk",
            "prev_stage",
            "prev_chunk",
        )
    ]
)
OPERATION = np.dtype(
    [
        ("kind", "u2"),
        ("chunk", "u2"),
        ("microbatch", "u4"),
        ("peer", "u4"),
        ("collective", "u4"),
    ]
)
SECTIONS: dict[str, np.dtype[Any]] = {
    "ranks": RANK,
    "gpus": GPU,
    "hosts": HOST,
    "host_ranks": np.dtype("u4"),
    "stages": STAGE,
    "chunks": CHUNK,
    "operations": OPERATION,
    "strings": np.dtype("u1"),
}
HEADER = np.dtype(
    [
        ("magic", "S8"),
        ("endian", "u4"),
        ("version", "u4"),
        ("file_bytes", "u8"),
        ("header_bytes", "u4"),
        ("section_count", "u4"),
        ("topology_digest", *DIGEST),
        ("workload_digest", *DIGEST),
        ("degree", "u4", (len(AXES),)),
        ("stride", "u4", (len(AXES),)),
        ("fold_fast", "u4"),
        ("fold_slow", "u4"),
        ("world_size", "u4"),
        ("virtual_stages", "u4"),
        ("microbatches", "u4"),
        ("schedule", "u4"),
        ("job_name", "u4"),
        ("cluster_name", "u4"),
        ("written_by", "u4"),
        ("unused", "u4"),
        ("section", SECTION, (len(SECTIONS),)),
        ("reserved", "u4", (17,)),
        ("checksum", "u4"),
    ]
)
PATCH = np.dtype(
    [
        ("magic", "S8"),
        ("endian", "u4"),
        ("version", "u4"),
        ("file_bytes", "u8"),
        ("base_topology", *DIGEST),
        ("base_workload", *DIGEST),
        ("base_checksum", "u4"),
        ("parts", "u4"),
        ("unused", "u4"),
        ("checksum", "u4"),
    ]
)

ByteOrder = Literal["<", ">"]
BYTE_ORDERS: dict[str, ByteOrder] = {"little": "<", "big": ">"}


@dataclass(frozen=True, eq=False)
class Tables:
    """A map before it is bytes.

    Parameters
    ----------
    fields
        Values of header fields, those that follow from the tables aside.
    sections
        Rows of each section of `SECTIONS`, in its order.
    """

    fields: Mapping[str, object]
    sections: Mapping[str, NDArray[Any]]


class Strings:
    """Texts one behind the other, each with a zero at its end."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._length = 0

    def add(self, text: str) -> int:
        """Add a text; its offset."""
        return int(self.extend([text])[0])

    def extend(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Add texts; the offset of each, shape (texts,)."""
        encoded = [text.encode() for text in texts]
        lengths = np.fromiter(map(len, encoded), np.int64, len(encoded)) + 1
        offsets: NDArray[np.int64] = self._length + np.cumsum(lengths) - lengths
        self._parts += encoded
        self._length += int(lengths.sum())
        return offsets

    def rows(self) -> NDArray[np.uint8]:
        """All of them, shape (bytes,)."""
        return np.frombuffer(b"\0".join([*self._parts, b""]), np.uint8)


def to_bytes(tables: Tables, byte_order: str) -> bytes:
    """The file: header, then the sections, each at a multiple of `ALIGNMENT`; ``little`` or ``big``."""
    order = BYTE_ORDERS[byte_order]
    header = np.zeros((), HEADER)
    for name, value in tables.fields.items():
        header[name] = value
    at, parts = HEADER.itemsize, []
    for index, (name, kind) in enumerate(SECTIONS.items()):
        rows = tables.sections[name]
        header["section"][index] = (at, len(rows), kind.itemsize)
        body = rows.astype(kind.newbyteorder(order), copy=False).tobytes()
        parts.append(body + bytes(-len(body) % ALIGNMENT))
        at += len(parts[-1])
    header["magic"], header["endian"], header["version"] = b"PLANMAP", ENDIAN, VERSION
    header["header_bytes"], header["section_count"] = HEADER.itemsize, len(SECTIONS)
    header["file_bytes"] = at
    whole = bytearray(b"".join([header.astype(HEADER.newbyteorder(order)).tobytes(), *parts]))
    return sealed(whole, HEADER, order)


def sealed(whole: bytearray, kind: np.dtype[Any], order: ByteOrder) -> bytes:
    """`whole`, which begins with a header of type `kind`, with its checksum in place."""
    assert kind.fields is not None
    hole = kind.fields["checksum"][1]
    view = memoryview(whole)
    checksum = zlib.crc32(view[hole + 4 :], zlib.crc32(view[:hole]))
    whole[hole : hole + 4] = np.array(checksum, "u4").astype(f"{order}u4").tobytes()
    return bytes(whole)


def digest_bytes(digest: str) -> NDArray[np.uint8]:
    """A digest as placement files write it, as its 32 bytes."""
    return np.frombuffer(bytes.fromhex(digest.removeprefix("sha256:")), np.uint8)


def section_rows(whole: bytes, name: str, byte_order: str) -> NDArray[Any]:
    """Rows of a section of a map that `to_bytes` gave."""
    order = BYTE_ORDERS[byte_order]
    header = np.frombuffer(whole, HEADER.newbyteorder(order), 1)[0]
    offset, rows, _ = header["section"][list(SECTIONS).index(name)]
    return np.frombuffer(whole, SECTIONS[name].newbyteorder(order), int(rows), int(offset))
