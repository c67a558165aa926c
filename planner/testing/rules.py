"""Assertions written down in YAML, for ``planner check --rules FILE``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from planner.errors import InputError
from planner.source import Authored, read_document, validate
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
from planner.testing.schema import RulesFile
from planner.testing.stored import assert_moved_at_most, assert_unchanged
from planner.testing.traffic import assert_checked, assert_crossing_at_most

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable

    from planner.errors import Position, Problem
    from planner.placement.placement import Placement
    from planner.source import Document
    from planner.testing.schema import Rule

    Assertion = Callable[[Placement], None]


# What in a rule an error of its assertion is about; a selector's errors start with T.
KEY_OF_CODE = {"R012": "tier", "R013": "stage", "R014": "except_ranks", "T": "domain"}


@dataclass(frozen=True)
class PositionedRule:
    """One rule of a file, and where it stands there."""

    rule: Rule
    document: Document
    index: int

    @property
    def position(self) -> Position:
        """Where the rule starts."""
        return self.document.position(("rules", self.index))

    def place(self, problem: Problem) -> Problem:
        """`problem` at the part of the rule that it is about."""
        key = KEY_OF_CODE.get(problem.code) or KEY_OF_CODE.get(problem.code[0], "stored")
        path = ("rules", self.index, self.rule.kind, key)
        return replace(problem, position=self.document.position(path))


@dataclass(frozen=True)
class RuleResult:
    """Whether a placement holds one rule.

    Parameters
    ----------
    rule
        The rule's own name where it has one, else its kind and values.
    message
        What breaks it, with ranks and domains; None where it holds.
    position
        Where the rule stands in its file.
    """

    rule: str
    message: str | None
    position: Position

    @property
    def ok(self) -> bool:
        """Whether the placement holds the rule."""
        return self.message is None


def load_rules(path: str | os.PathLike[str]) -> tuple[PositionedRule, ...]:
    """Rules of a YAML file, by path or shipped name, in order.

    Raises
    ------
    InputError
        With every mistake of the file at once, each with its position.
    """
    document = read_document(path, "rules")
    rules = validate(document, RulesFile).rules
    return tuple(PositionedRule(rule, document, index) for index, rule in enumerate(rules))


def evaluate(rules: Iterable[PositionedRule], placement: Placement) -> list[RuleResult]:
    """One result a rule, in order.

    Raises
    ------
    InputError
        Where rules name an axis, tier, stage, domain or file that does not exist: all such
        mistakes at once, each at the position of its rule.
    """
    results, problems = [], []
    for positioned in rules:
        try:
            results.append(_result(positioned, placement))
        except InputError as error:
            problems += [positioned.place(problem) for problem in error.problems]
    if problems:
        raise InputError(*problems)
    return results


def _result(positioned: PositionedRule, placement: Placement) -> RuleResult:
    name = positioned.rule.title
    try:
        _assertion(positioned)(placement)
    except PlacementAssertionError as failure:
        return RuleResult(name, str(failure), positioned.position)
    return RuleResult(name, None, positioned.position)


def _assertion(positioned: PositionedRule) -> Assertion:
    """The assertion that a rule stands for, with its values bound."""
    kind, value = positioned.rule.kind, positioned.rule.value
    if isinstance(value, bool):
        return FLAGS[kind]
    if not isinstance(value, Authored):
        return lambda placement: SCALARS[kind](placement, value)
    arguments = value.model_dump()
    if "stored" in arguments:
        arguments["stored"] = positioned.document.path.resolve().parent / arguments["stored"]
    return partial(MAPPINGS[kind], **arguments)


FLAGS: dict[str, Assertion] = {
    "in_service": assert_in_service,
    "distinct_gpus": assert_distinct_gpus,
    "optimal": assert_optimal,
    "checked": assert_checked,
}
SCALARS: dict[str, Callable[..., None]] = {
    "no_rank_on": assert_no_rank_on,
    "gap_below": assert_gap_below,
}
MAPPINGS: dict[str, Callable[..., None]] = {
    "within": assert_within,
    "same_rail": assert_same_rail,
    "crossing_at_most": assert_crossing_at_most,
    "stage_in": assert_stage_in,
    "uses_at_most": assert_uses_at_most,
    "spares_at_least": assert_spares_at_least,
    "unchanged": assert_unchanged,
    "moved_at_most": assert_moved_at_most,
}
