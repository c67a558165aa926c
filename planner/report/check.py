"""What the checker found, and whether rules of one's own hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from planner.placement.wording import plural
from planner.report.plan import tier_table, verdict
from planner.report.rails import rails_document, rails_line
from planner.report.safety import safety_document, safety_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from planner.cost.deadlock import Safety
    from planner.placement.check import Report
    from planner.placement.placement import Placement
    from planner.testing.rules import RuleResult


def check_document(
    placement: Placement, report: Report, rules: Sequence[RuleResult], safety: Safety | None = None
) -> dict[str, object]:
    """The outcome as plain data: ``ok`` only where claims and rules all hold and no step stands still."""
    tiers = [tier.name for tier in placement.cluster.tiers]
    return {
        "ok": report.ok and all(rule.ok for rule in rules) and (safety is None or safety.ok),
        "ranks": report.ranks,
        "findings": [{"code": finding.code, "message": finding.message} for finding in report.findings],
        "objective_name": str(placement.claims.objective),
        "objective": report.value,
        "weighted_s": report.weighted_s,
        "bottleneck_s": report.bottleneck_s,
        "tiers": [
            {"tier": tier, "crossing_bytes": size}
            for tier, size in zip(tiers, report.tier_bytes, strict=bool(report.tier_bytes))
        ],
        "rails": None if report.rails is None else rails_document(report.rails),
        "rules": [
            {
                "rule": rule.rule,
                "ok": rule.ok,
                "message": rule.message,
                "file": rule.position.file,
                "line": rule.position.line,
                "column": rule.position.column,
            }
            for rule in rules
        ],
        **({} if safety is None else {"schedule": safety_document(safety)}),
    }


def check_view(
    placement: Placement, report: Report, rules: Sequence[RuleResult], safety: Safety | None = None
) -> RenderableType:
    """The outcome for people."""
    title = f"{placement.workload.name} on {placement.cluster.name}, {plural(report.ranks, 'rank')}"
    if report.ok:
        said: list[RenderableType] = [
            Text("every claim holds", style="bold green"),
            verdict(placement.claims),
            tier_table(placement),
        ]
        said += [] if report.rails is None else [rails_line(report.rails)]
    else:
        count = plural(len(report.findings), "finding")
        said = [Text(f"the check fails: {count}", style="bold red")]
        said += [Text(f"error[{finding.code}]: {finding.message}") for finding in report.findings]
    order = [] if safety is None else safety_lines(safety)
    return Group(Text(title, style="bold"), *said, *_rules(rules), *order)


def _rules(rules: Sequence[RuleResult]) -> list[Text]:
    """One line a rule, and what breaks it beneath."""
    lines = []
    for rule in rules:
        mark = ("holds ", "green") if rule.ok else ("BROKEN", "bold red")
        lines.append(Text.assemble(mark, f"  {rule.rule}"))
        if rule.message:
            lines.append(Text(f"{rule.position}: {rule.message}"))
    return lines
