"""Rules and flows of a fleet file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from planner.errors import CheckError, InputError, did_you_mean
from planner.fleet.contents import make_flow
from planner.fleet.rules import PinRule, TierRule, selected

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeVar

    from planner.fleet.contents import Member
    from planner.fleet.flows import Flow
    from planner.fleet.schema import Apart, FlowSection, Pin, RuleSection
    from planner.source import Findings
    from planner.topology.cluster import Cluster

    Found = TypeVar("Found")
    Path_ = tuple[str | int, ...]

MOST_PROBLEMS_OF_A_FILE = 3


def taken(noted: Findings, make: Callable[[], Found], path: Path_) -> Found | None:
    """What `make` makes; None where it fails, with the reason noted at `path`."""
    try:
        return make()
    except (InputError, CheckError) as error:
        noted.take(InputError(*error.problems[:MOST_PROBLEMS_OF_A_FILE]), path)
    return None


@dataclass(frozen=True, eq=False)
class RuleReader:
    """Turns the rules and flows of one file into what they mean; what is wrong is noted.

    Parameters
    ----------
    noted
        What was found wrong with the file.
    cluster
        The hardware.
    known
        Indices by the name of a job or role, and of all roles by that of their job.
    """

    noted: Findings
    cluster: Cluster
    known: Mapping[str, tuple[int, ...]]

    def rules(self, section: RuleSection, index: int) -> list[TierRule | PinRule]:
        """What one rule says of jobs; nothing where it makes no sense."""
        path: Path_ = ("rules", index)
        if section.pin is not None:
            return self._pins(section.pin, (*path, "pin"))
        if section.apart is not None:
            return self._apart(section.apart, (*path, "apart"))
        if section.together is None:
            return []
        rule, at = section.together, (*path, "together")
        found, tier = self._groups(rule.jobs, at), self._tier_index(rule.tier, (*at, "tier"))
        if found is None or tier is None:
            return []
        jobs = tuple(sorted(job for group in found for job in group))
        text = TierRule.told("together", rule.jobs, rule.tier)
        return [TierRule("together", jobs, tier, text, self.noted.document.position(at, key=True))]

    def _apart(self, rule: Apart, path: Path_) -> list[TierRule | PinRule]:
        """Each two jobs keep apart; roles of one job do not from each other."""
        found, tier = self._groups(rule.jobs, path), self._tier_index(rule.tier, (*path, "tier"))
        if found is None or tier is None:
            return []
        text, position = (
            TierRule.told("apart", rule.jobs, rule.tier),
            self.noted.document.position(path, key=True),
        )
        if all(len(group) == 1 for group in found):
            jobs = tuple(sorted(job for (job,) in found))
            return [TierRule("apart", jobs, tier, text, position)]
        pairs = [
            (min(a, b), max(a, b))
            for at, one in enumerate(found)
            for other in found[at + 1 :]
            for a in one
            for b in other
        ]
        return [TierRule("apart", pair, tier, text, position) for pair in pairs]

    def _pins(self, rule: Pin, path: Path_) -> list[TierRule | PinRule]:
        found = self._groups([rule.job], path, key=("job",))
        gpus = self._selected(rule.to, (*path, "to"))
        if found is None or gpus is None:
            return []
        position = self.noted.document.position(path, key=True)
        return [PinRule(job, tuple(rule.to), gpus, position) for job in found[0]]

    def _groups(
        self, names: Sequence[str], path: Path_, key: Path_ | None = None
    ) -> list[tuple[int, ...]] | None:
        """For each name the indices of the job, or of all roles of it; None where a name is wrong."""
        found = []
        for at, name in enumerate(names):
            where = (*path, *(key or ("jobs", at)))
            if name not in self.known:
                self.noted.add(
                    "J002",
                    f"no job {name!r} in this fleet",
                    where,
                    expected=f"one of {', '.join(self.known)}",
                    suggestion=did_you_mean(name, self.known),
                )
            found.append(self.known.get(name, ()))
        flat = [job for group in found for job in group]
        if not all(found):
            return None
        if len(set(flat)) < len(flat):
            self.noted.add("J002", "a job named twice", (*path, "jobs"), expected="each job of a rule once")
            return None
        return found

    def flow(self, section: FlowSection, path: Path_, members: Sequence[Member]) -> Flow | None:
        """One flow; None where it makes no sense."""
        ends = []
        for key, name in (("from", section.from_), ("to", section.to)):
            found = [member for member in members if member.role == name]
            if not found:
                roles = [member.role for member in members]
                self.noted.add(
                    "J007",
                    f"no role {name!r} in this job",
                    (*path, key),
                    expected=f"one of {', '.join(roles)}",
                    suggestion=did_you_mean(name, roles),
                )
            ends += found[:1]
        if len(ends) < 2 or any(end.job is None for end in ends):
            return None
        if ends[0] is ends[1]:
            self.noted.add("J007", "a flow from a role to itself", (*path, "to"), expected="another role")
            return None
        found_flow = taken(self.noted, lambda: make_flow(section, *ends), path)
        if found_flow is None:
            return None
        source, target = (self.known[end.name][0] for end in ends)
        return replace(found_flow, source=source, target=target, position=self.noted.document.position(path))

    def _tier_index(self, name: str, path: tuple[str | int, ...]) -> int | None:
        names = [tier.name for tier in self.cluster.tiers]
        if name in names[:-1]:
            return names.index(name)
        self.noted.add(
            "J005",
            f"no tier {name!r} with several domains in {self.cluster.name}",
            path,
            expected=f"one of {', '.join(names[:-1])}",
            suggestion=did_you_mean(name, names[:-1]),
        )
        return None

    def _selected(self, selectors: list[str], path: tuple[str | int, ...]) -> np.ndarray | None:
        """GPUs that any of the selectors stands for."""
        found = [
            taken(self.noted, partial(selected, self.cluster, [each]), (*path, at))
            for at, each in enumerate(selectors)
        ]
        gpus = [each for each in found if each is not None]
        return np.logical_or.reduce(gpus) if len(gpus) == len(found) else None
