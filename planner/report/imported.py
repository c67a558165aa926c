"""What became of an import: warnings, and a line on what was written."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from planner.errors import render
from planner.placement.wording import plural
from planner.report.problems import problems_document

if TYPE_CHECKING:
    from planner.errors import Problem
    from planner.formats.importing import Imported

MOST_SHOWN = 20
MOST_SHOWN_OF_A_KIND = 5


def warnings_text(findings: list[Problem]) -> str:
    """The first findings of each kind with their places, and how many more there are."""
    shown: list[Problem] = []
    of_kind = Counter[str]()
    for finding in findings:
        of_kind[finding.code] += 1
        if of_kind[finding.code] <= MOST_SHOWN_OF_A_KIND and len(shown) < MOST_SHOWN:
            shown.append(finding)
    more = of_kind - Counter(finding.code for finding in shown)
    lines = [render(finding, "warning") for finding in shown]
    if more:
        kinds = ", ".join(f"{number:,} {code}" for code, number in sorted(more.items()))
        lines.append(f"and {more.total():,} more ({kinds})")
    return "\n\n".join(lines)


def summary_text(imported: Imported) -> str:
    """One line: what there is, and how much is odd or assumed."""
    cluster, site = imported.cluster, imported.site
    tiers = " < ".join(tier.name for tier in cluster.tiers)
    out = int((~cluster.gpu_in_service).sum())
    return (
        f"{cluster.name}: {plural(cluster.nodes, 'node')}, {plural(cluster.gpus, 'GPU')} "
        f"({out:,} out of service), {tiers}; {plural(len(site.findings), 'finding')}, "
        f"{plural(len(site.assumptions), 'assumption')}"
    )


def imported_document(imported: Imported) -> dict[str, object]:
    """The import as plain data."""
    cluster, site = imported.cluster, imported.site
    return {
        "name": cluster.name,
        "sources": [{"file": name, "format": form} for name, form in imported.sources],
        "nodes": cluster.nodes,
        "gpus": cluster.gpus,
        "gpus_in_service": int(cluster.gpu_in_service.sum()),
        "nics": len(cluster.nic_node),
        "switches": len(site.switches),
        "links": sum(link.count for link in site.links),
        "tiers": [{"name": tier.name, "domains": tier.domains} for tier in cluster.tiers],
        "assumptions": list(site.assumptions),
        "findings": len(site.findings),
        **problems_document(site.findings),
    }
