"""Whether two sources mean the same host: small and capital letters, and names with and without a domain."""

from __future__ import annotations


def short(name: str) -> str:
    """A host's name without its domain, in small letters: what all names of one host share."""
    return name.lower().partition(".")[0]


def may_be_one(name: str, other: str) -> bool:
    """Whether both may be one host's names: in two domains they are two hosts."""
    if "." in name and "." in other:
        return name.lower() == other.lower()
    return short(name) == short(other)
