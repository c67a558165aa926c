"""Authored YAML: positions of every key and value, limits, and validation that lists every mistake."""

from planner.source.document import Document, parse_document, read_document
from planner.source.title import Title
from planner.source.validation import (
    Authored,
    Findings,
    examine,
    in_file_order,
    mistake,
    require_unless_included,
    validate,
)
from planner.source.wording import described

__all__ = [
    "Authored",
    "Document",
    "Findings",
    "Title",
    "described",
    "examine",
    "in_file_order",
    "mistake",
    "parse_document",
    "read_document",
    "require_unless_included",
    "validate",
]
