"""GPUs and adapters of every host."""

from __future__ import annotations

import pytest

from planner.formats.site.figures import settle
from planner.formats.site.given import NOTHING
from planner.formats.site.site import Host, Node, Site
from tests.formats.site.fabrics import codes


@pytest.mark.parametrize(
    ("node", "gpus", "down", "code"),
    [
        (Node(10**9), 1024, {}, "I010"),
        (Node(8, gpus_down={8: "gone", 3: "off"}), 8, {3: "off"}, "I012"),
    ],
)
def test_numbers_that_cannot_be(node, gpus, down, code):
    """More GPUs than a file can hold, and health of a GPU that is not there: told, and left out."""
    site = Site(hosts={"n1": Host("n1", node)})
    (found,) = settle(site, NOTHING)
    assert (found.gpus, found.gpus_down) == (gpus, down)
    assert codes(site) == [code]
