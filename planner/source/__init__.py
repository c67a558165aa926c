"""Authored YAML: positions of every key and value, limits, and validation that lists every mistake."""

from planner.source.document import Document, parse_document, read_document
from planner.source.validation import (
    Authored,
    Findings,
    examine,
    in_file_order,
    mistake,
    require_unless_included,
    validate,
)

__all__ = [
    "Authored",
    "Document",
    "Findings",
    "examine",
    "in_file_order",
    "mistake",
    "parse_document",
    "read_document",
    "require_unless_included",
    "validate",
]
