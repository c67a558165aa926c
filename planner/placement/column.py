"""Columns of whole numbers in a file, looked at as a whole.

To hold every entry against limits of its own takes longer than to read them all.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import numpy as np
from pydantic import GetPydanticSchema, WithJsonSchema
from pydantic_core import PydanticCustomError, core_schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGEST_INDEX = 2**31 - 1
# Under this key an error says which entry of the column it is about.
ITEM = "item"


def _column(least: int) -> tuple[GetPydanticSchema, WithJsonSchema]:
    """How a list of whole numbers from `least` to `LARGEST_INDEX` becomes an array, and is told of."""
    numbers = core_schema.list_schema(core_schema.int_schema(strict=True), strict=True)
    written = core_schema.plain_serializer_function_ser_schema(np.ndarray.tolist, return_schema=numbers)
    schema = core_schema.no_info_after_validator_function(
        partial(_within, least), numbers, serialization=written
    )
    item = {"maximum": LARGEST_INDEX, "minimum": least, "type": "integer"}
    return GetPydanticSchema(lambda *_: schema), WithJsonSchema({"items": item, "type": "array"})


def _within(least: int, numbers: list[int]) -> NDArray[np.int32]:
    try:
        column = np.array(numbers, np.int64)
    except OverflowError:
        column = np.clip(np.array(numbers, object), least - 1, LARGEST_INDEX + 1).astype(np.int64)
    wrong = np.flatnonzero((column < least) | (column > LARGEST_INDEX))
    if wrong.size:
        limit = f"greater than or equal to {least}"
        if column[wrong[0]] > least:
            limit = f"less than or equal to {LARGEST_INDEX}"
        raise PydanticCustomError("column", f"Input should be {limit}", {ITEM: int(wrong[0])})
    return column.astype(np.int32)


Indices: TypeAlias = Annotated[Any, *_column(0)]
IndicesOrNone: TypeAlias = Annotated[Any, *_column(-1)]
