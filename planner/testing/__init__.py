"""Assertions on placements, for tests of your own.

The functions below work with any test runner. With pytest the fixtures of
`planner.testing.plugin` are there as soon as the planner is installed. Names are loaded when first
used, because pytest imports this package at every start.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.testing.assertions import (
        assert_distinct_gpus,
        assert_gap_below,
        assert_in_service,
        assert_no_rank_on,
        assert_optimal,
        assert_same_rail,
        assert_spares_at_least,
        assert_stage_in,
        assert_uses_at_most,
        assert_within,
    )
    from planner.testing.failure import PlacementAssertionError
    from planner.testing.rules import RuleResult, evaluate, load_rules
    from planner.testing.stored import assert_moved_at_most, assert_unchanged
    from planner.testing.traffic import assert_checked, assert_crossing_at_most

__all__ = [
    "PlacementAssertionError",
    "RuleResult",
    "assert_checked",
    "assert_crossing_at_most",
    "assert_distinct_gpus",
    "assert_gap_below",
    "assert_in_service",
    "assert_moved_at_most",
    "assert_no_rank_on",
    "assert_optimal",
    "assert_same_rail",
    "assert_spares_at_least",
    "assert_stage_in",
    "assert_unchanged",
    "assert_uses_at_most",
    "assert_within",
    "evaluate",
    "load_rules",
]

_HOME = {
    "PlacementAssertionError": "failure",
    "RuleResult": "rules",
    "evaluate": "rules",
    "load_rules": "rules",
    "assert_moved_at_most": "stored",
    "assert_unchanged": "stored",
    "assert_checked": "traffic",
    "assert_crossing_at_most": "traffic",
}


def __getattr__(name: str) -> object:
    """Load a public name from the module that defines it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOME.get(name, 'assertions')}"), name)
    globals()[name] = value
    return value
