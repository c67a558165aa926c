"""Columns of whole numbers: what they take and what they say of an entry that is wrong."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pydantic import BaseModel, ValidationError

from planner.errors import InputError
from planner.placement.column import LARGEST_INDEX, Indices, IndicesOrNone
from planner.placement.file import from_bytes, to_bytes
from tests.placement.samples import sample


class Table(BaseModel):
    """A column of each kind."""

    plain: Indices
    or_none: IndicesOrNone


def test_numbers_become_an_array_and_are_written_back():
    """The limits themselves are taken; the text is that of a list."""
    text = f'{{"plain":[0,{LARGEST_INDEX}],"or_none":[-1,7]}}'
    table = Table.model_validate_json(text)
    assert table.plain.dtype == table.or_none.dtype == np.int32
    assert table.plain.tolist() == [0, LARGEST_INDEX]
    assert table.model_dump_json() == text


def test_no_entry_is_a_column():
    """As for a job of no ranks."""
    assert Table(plain=[], or_none=[]).plain.tolist() == []


@pytest.mark.parametrize("wrong", [-1, LARGEST_INDEX + 1, 2**63, -(2**63) - 1, 10**400, True, 1.5, "1", None])
def test_an_entry_that_cannot_be(wrong):
    """Too small, too large, beyond what a machine's numbers hold, or no whole number."""
    with pytest.raises(ValidationError):
        Table(plain=[0, 1, wrong], or_none=[])


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (-1, "greater than or equal to 0"),
        (LARGEST_INDEX + 1, f"less than or equal to {LARGEST_INDEX}"),
        (10**400, f"less than or equal to {LARGEST_INDEX}"),
        ("7", "a valid integer"),
    ],
)
def test_the_place_of_a_wrong_entry_in_a_file(value, said):
    """The message names the entry and points at it."""
    document = json.loads(to_bytes(sample()))
    document["ranks"]["gpu"][3] = value
    raw = json.dumps(document, indent=1)
    with pytest.raises(InputError) as refused:
        from_bytes(raw.encode())
    (problem,) = refused.value.problems
    assert problem.message == f"ranks.gpu.3: Input should be {said}"
    lines = raw.splitlines()
    assert problem.position.line == lines.index('  "gpu": [') + 5
