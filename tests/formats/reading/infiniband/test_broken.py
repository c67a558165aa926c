"""Listings with random damage."""

from __future__ import annotations

from random import Random

import pytest

from planner.errors import PlannerError
from planner.formats.importers import iblinkinfo, ibnetdiscover
from planner.formats.importing import write_up
from planner.formats.site.derive import derive
from planner.formats.site.given import Given
from tests.formats.reading.infiniband.discovered import recorded, source

FILES = {
    "two-units.ibnetdiscover": ibnetdiscover,
    "two-units.iblinkinfo": iblinkinfo,
    "two-units.iblinkinfo-line": iblinkinfo,
}
REFUSALS = {"I038", "I002"}


def damaged(text, random):
    """The text with some lines missing, repeated, moved or changed."""
    lines = text.split("\n")
    for _ in range(random.randint(1, 10)):
        place, other = random.randrange(len(lines)), random.randrange(len(lines))
        match random.randrange(4):
            case 0:
                lines[place] = ""
            case 1:
                lines.insert(place, lines[other])
            case 2:
                lines[place], lines[other] = lines[other], lines[place]
            case 3:
                start = random.randrange(len(lines[place]) + 1)
                rest = lines[place][start + random.randint(0, 6) :]
                lines[place] = (
                    lines[place][:start] + random.choice(["", "0", '"', "[", "9" * 25, "-", "é"]) + rest
                )
    return "\n".join(lines)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("seed", range(12))
def test_damage(name, seed):
    """Whatever is wrong, every host that is read is in the file that is written, or the text is refused."""
    text = damaged(recorded(name).text, Random(seed))
    try:
        site = FILES[name].read(source(text))
        hosts = set(site.hosts)
        written = write_up(derive(site), Given(gpus=8))
    except PlannerError as error:
        assert error.problems[0].code in REFUSALS  # noqa: PT017
    else:
        assert len(written.cluster.host_names) == len(hosts - site.switches.keys())
