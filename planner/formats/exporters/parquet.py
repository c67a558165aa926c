"""The rank table as an Apache Parquet file, one row a rank; needs the package ``pyarrow``.

Columns are those of ``ranks.csv``, numbers as numbers, ``nic`` null where there is none. A tier that
is called as another column is gets ``_tier`` behind its name.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from planner.errors import UsageError
from planner.formats.exporters import Export
from planner.formats.writing.rank_table import FIELDS, columns

if TYPE_CHECKING:
    from planner.formats.writing.options import Option
    from planner.placement.placement import Placement

OPTIONS: tuple[Option, ...] = ()
TEXT = "host"


def export(placement: Placement, options: dict[str, str]) -> Export:  # noqa: ARG001  # it has none
    """The rank table alone.

    Raises
    ------
    UsageError
        E008 where pyarrow is not installed.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise UsageError.of(
            "E008",
            "parquet needs the package pyarrow",
            expected="the planner with its extra for parquet",
            suggestion="pip install 'planner[parquet]', or --to csv",
        ) from error
    names = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
    arrays = {}
    for index, (name, values) in enumerate(columns(placement)):
        is_text = index >= len(FIELDS) or name == TEXT
        kind = names if is_text else pyarrow.int32()
        arrays[f"{name}_tier" if name in arrays else name] = pyarrow.array(values).cast(kind)
    content = BytesIO()
    parquet.write_table(pyarrow.table(arrays), content)
    return Export({"ranks.parquet": content.getvalue()})
