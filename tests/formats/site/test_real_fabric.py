"""The real fabric of 40 switches, from the tool's text to the list of what it lacks."""

from __future__ import annotations

import re
from collections import Counter
from copy import deepcopy
from itertools import product

import pytest

from planner.formats.importers.ibnetdiscover import read
from planner.formats.importing import write_up
from planner.formats.site.derive import derive
from planner.formats.site.given import Given
from planner.formats.site.site import Link
from planner.topology.difference import compare
from tests.formats.reading.infiniband.discovered import sample


@pytest.fixture(scope="module")
def found():
    """What the fabric as it is lacks of one where each leaf has two links to every spine."""
    site = read(sample())
    intended = deepcopy(site)
    derive(intended)
    leaves, spines = (
        [name for name, each in intended.switches.items() if each.level == level] for level in (1, 2)
    )
    intended.links = [link for link in intended.links if not set(link.ends) <= intended.switches.keys()]
    intended.links += [Link(pair, 50e9, 2) for pair in product(leaves, spines)]
    authored, imported = (write_up(derive(each), Given(gpus=8)).cluster for each in (intended, site))
    return compare(authored, imported)


def trunks_of_the_text():
    """Number of links of each pair of a leaf and a spine, by lines of the text alone."""
    counts, switch = Counter(), None
    called = r'"MF0;([^:"]+):'
    for line in sample().lines:
        if record := re.match(rf"(?:Switch|Ca)\t.*?# (?:{called})?", line):
            switch = record[1]
        elif switch and "IBLEAF" in switch and (spine := re.search(rf"^\[.*# {called}", line)):
            counts[switch, spine[1]] += 1
    return counts


def test_missing_and_thin_trunks(found):
    """Exactly the ten trunks without a link are missing, and the six with one link are thin."""
    there = trunks_of_the_text()
    leaves, spines = {leaf for leaf, _ in there}, {spine for _, spine in there}
    assert (len(leaves), len(spines)) == (31, 9)
    links = {change.kind: change for change in found.changes if change.others}
    missing, thin = (
        set(zip(links[kind].names, links[kind].others, strict=True)) for kind in ("missing", "fewer")
    )
    assert set(links) == {"missing", "fewer"}
    assert len(missing) == 10
    assert missing == set(product(leaves, spines)) - set(there)
    assert len(thin) == 6
    assert thin == {pair for pair, count in there.items() if count == 1}


def test_all_else_is_uplinks(found):
    """Nothing but the uplinks that these trunks are part of differs beside them."""
    rest = [change for change in found.changes if not change.others]
    assert {(change.part, change.kind) for change in rest} == {("unit", "slower")}
    assert sum(len(change.names) for change in rest) == 8
