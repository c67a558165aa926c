"""How tables fit the page."""

from __future__ import annotations

import pytest

from planner.report.style import table
from tests.report.jobs import text_of

WORDS = ("somewhat-long-name", "several short words", "1,234,567", "nothing")


def wide():
    """A table of two columns that can wrap and two that cannot."""
    made = table("strategy", "degrees, microbatch", "tokens/s", "how it is shared", left=2)
    made.add_row(*WORDS)
    return made


@pytest.mark.parametrize("width", [100, 72, 60, 56])
def test_words_stay_whole(width):
    """Cells wrap at blanks for as long as they fit so."""
    lines = text_of(wide(), width).splitlines()
    assert max(map(len, lines)) <= width
    words = {word for line in lines for word in line.split()}
    assert words >= {"somewhat-long-name", "several", "words", "microbatch", "1,234,567", "shared"}


def test_a_page_narrower_than_the_words():
    """Then words break, and nothing is left out."""
    text = text_of(wide(), 20)
    assert max(map(len, text.splitlines())) <= 20
    assert set("1234567") <= set(text)


def test_drawn_again():
    """The width of one page is not that of the next."""
    made = wide()
    before = text_of(made, 100)
    text_of(made, 56)
    assert text_of(made, 100) == before
