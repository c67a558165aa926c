"""The rules file: what an author may write."""

from typing import Literal, NoReturn, Self

from pydantic import Field, model_validator

from planner.errors import InputError
from planner.source import Authored, mistake
from planner.testing.axes import as_axes
from planner.units import Bytes, format_bytes


class _Grouped(Authored):
    axis: str = Field(examples=["tp"])
    """Axis that varies inside a group: tp cp ep edp dp pp, or several joined with -."""

    @model_validator(mode="after")
    def _axis_exists(self) -> Self:
        try:
            as_axes(self.axis)
        except InputError as error:
            problem = error.problems[0]
            raise mistake(
                problem.code, problem.message, expected=problem.expected, suggestion=problem.suggestion
            ) from error
        return self


class Within(_Grouped):
    """Every group of an axis touches one domain of a tier."""

    tier: str
    """Name of a tier of the topology."""


class SameRail(_Grouped):
    """Every group of an axis uses NICs of one rail."""


class CrossingAtMost(Authored):
    """At most so many bytes leave the domains of a tier in one step."""

    tier: str
    """Name of a tier of the topology."""
    limit: Bytes
    """Bytes, or a quantity such as 1.5 GB."""


class StageIn(Authored):
    """Every rank of a pipeline stage sits inside some hardware."""

    stage: int = Field(ge=0)
    """Pipeline stage, counted from 0."""
    domain: str
    """Selector of the hardware, such as u001 or u001/r[1-4]."""


class UsesAtMost(Authored):
    """The ranks sit in at most so many domains of a tier."""

    tier: str
    """Name of a tier of the topology."""
    domains: int = Field(ge=1)
    """The most domains that may hold a rank."""


class SparesAtLeast(Authored):
    """At least so many in-service GPUs hold no rank."""

    gpus: int = Field(ge=0)
    """The fewest spare GPUs."""
    tier: str | None = None
    """Count in every used domain of this tier; over the whole cluster without it."""


class Unchanged(Authored):
    """Every rank sits where a stored placement has it."""

    stored: str
    """Placement file, relative to the rules file."""
    except_ranks: str | list[int] = ""
    """Ranks that may have moved: a list, or a text such as 0-7,42."""


class MovedAtMost(Authored):
    """At most so many ranks sit elsewhere than in a stored placement."""

    stored: str
    """Placement file, relative to the rules file."""
    ranks: int = Field(ge=0)
    """The most ranks that may have moved."""


class Rule(Authored):
    """One rule: exactly one of the kinds below, and a name if wanted."""

    name: str | None = None
    """What results call the rule; by default its kind and values."""
    within: Within | None = None
    """Every group of an axis touches one domain of a tier."""
    same_rail: SameRail | None = None
    """Every group of an axis uses NICs of one rail."""
    crossing_at_most: CrossingAtMost | None = None
    """At most so many bytes leave the domains of a tier in one step."""
    stage_in: StageIn | None = None
    """Every rank of a pipeline stage sits inside some hardware."""
    uses_at_most: UsesAtMost | None = None
    """The ranks sit in at most so many domains of a tier."""
    spares_at_least: SparesAtLeast | None = None
    """At least so many in-service GPUs hold no rank."""
    unchanged: Unchanged | None = None
    """Every rank sits where a stored placement has it."""
    moved_at_most: MovedAtMost | None = None
    """At most so many ranks sit elsewhere than in a stored placement."""
    no_rank_on: str | None = None
    """No rank sits on the hardware that this selector names."""
    gap_below: float | None = Field(default=None, gt=0)
    """The objective is proven within this fraction of the optimum."""
    in_service: Literal[True] | None = None
    """No rank sits on hardware out of service."""
    distinct_gpus: Literal[True] | None = None
    """No GPU holds two ranks."""
    optimal: Literal[True] | None = None
    """The placement is proven optimal."""
    checked: Literal[True] | None = None
    """The independent checker finds that every claim holds."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = self.model_fields_set & KINDS
        if len(given) != 1 or getattr(self, next(iter(given))) is None:
            _refuse(given)
        return self

    @property
    def kind(self) -> str:
        """Which rule it is, such as ``within``."""
        return next(iter(self.model_fields_set & KINDS))

    @property
    def value(self) -> Authored | str | float | bool:
        """What the rule is given."""
        value: Authored | str | float | bool = getattr(self, self.kind)
        return value

    @property
    def title(self) -> str:
        """The rule's name, or its kind and values."""
        if self.name:
            return self.name
        if isinstance(self.value, Authored):
            values = self.value.model_dump(exclude_unset=True)
            return f"{self.kind}: " + ", ".join(
                f"{key} {_shown(key, value)}" for key, value in values.items()
            )
        return self.kind if self.value is True else f"{self.kind}: {self.value}"


def _shown(key: str, value: object) -> str:
    """A value as people write it."""
    return format_bytes(value) if key == "limit" and isinstance(value, float) else str(value)


def _refuse(given: set[str]) -> NoReturn:
    """Raise what is wrong with a rule of no kind or several."""
    if len(given) > 1:
        message = f"{' and '.join(sorted(given))} in one rule"
        raise mistake("R002", message, expected="one rule in each item", suggestion="give each its own item")
    raise mistake("R001", "no rule in this item", expected=f"one of {', '.join(sorted(KINDS))}")


KINDS = set(Rule.model_fields) - {"name"}


class RulesFile(Authored):
    """Rules that a placement must hold."""

    format_version: Literal[1]
    """Version of this format."""
    rules: list[Rule] = Field(min_length=1)
    """The rules, each an item with one kind."""
