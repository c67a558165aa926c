"""Types and bytes of a map; that C agrees on them is seen where it reads maps."""

from __future__ import annotations

import zlib

import numpy as np

from planner.formats.writing.c_map.layout import (
    ALIGNMENT,
    BYTE_ORDERS,
    HEADER,
    SECTIONS,
    Strings,
    Tables,
    section_rows,
    to_bytes,
)


def test_texts_end_with_a_zero():
    """Offsets lead to them, whatever letters they have."""
    strings = Strings()
    offsets = [strings.add("rack"), *strings.extend(["größe", "", "x"]).tolist()]
    whole = strings.rows().tobytes()
    assert [whole[at:].split(b"\0")[0].decode() for at in offsets] == ["rack", "größe", "", "x"]
    assert whole.endswith(b"\0")


def test_sections_lie_on_lines_and_read_back():
    """Each begins at a multiple of the alignment, in either byte order, under the checksum of zlib."""
    rng = np.random.default_rng(1)
    sections = {
        name: np.frombuffer(rng.bytes(kind.itemsize * rows), kind)
        for rows, (name, kind) in enumerate(SECTIONS.items())
    }
    for order, mark in BYTE_ORDERS.items():
        whole = to_bytes(Tables({"world_size": 7}, sections), order)
        [header] = np.frombuffer(whole, HEADER.newbyteorder(mark), 1)
        assert header["file_bytes"] == len(whole)
        assert header["world_size"] == 7
        assert not (header["section"]["offset"] % ALIGNMENT).any()
        for name, rows in sections.items():
            assert (section_rows(whole, name, order) == rows).all()
        hole = HEADER.fields["checksum"][1]
        assert header["checksum"] == zlib.crc32(whole[:hole] + whole[hole + 4 :])
