"""XML with positions, within limits."""

from __future__ import annotations

import pytest

from planner.errors import InputError
from planner.formats.reading.inside.markup import DEEPEST, parse
from planner.formats.site.site import Source

BOMB = """<?xml version="1.0"?>
<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;&x;&x;&x;&x;&x;">]>
<a>&y;</a>
"""


def test_elements_know_their_place():
    """Line and column of the opening tag, what is around it, and its text."""
    source = Source("x", '<?xml version="1.0"?>\n<a>\n  <b c="7"><d>t</d></b>\n</a>\n')
    root = parse(source, "a")
    b, d = root.children[0], root.children[0].children[0]
    assert (b.line, b.column, b.whole("c"), b.whole("no")) == (3, 3, 7, None)
    assert [each.tag for each in root.walk()] == ["a", "b", "d"]
    assert ([each.tag for each in d.ancestors()], d.text) == (["a", "b"], "t")
    assert b.position(source).text == '  <b c="7"><d>t</d></b>'


def test_encoding_of_what_is_text_already():
    """The declaration of another encoding does no harm, nor does a document type that lies elsewhere."""
    head = '<?xml version="1.0" encoding="UTF-16"?>\n<!DOCTYPE a SYSTEM "hwloc2.dtd">\n'
    text = head + '<a b="\N{LATIN SMALL LETTER E WITH ACUTE}"/>'
    assert parse(Source("x", text), "a").attributes == {"b": "\N{LATIN SMALL LETTER E WITH ACUTE}"}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (BOMB, 2),
        ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', 1),
        ("<a>" * (DEEPEST + 1), 1),
        ("<a>\n<b></a>", 2),
        ("<a/>\n<a/>", 2),
        ("<a b='1'\nb='2'/>", 2),
        ("<a>\n&nbsp;</a>", 2),
        ("plain text", 1),
        ("<b/>", 1),
        ("<a>\x00</a>", 1),
    ],
    ids=[
        "bomb",
        "outside",
        "deep",
        "crossed",
        "two",
        "twice",
        "entity",
        "text",
        "other",
        "zero",
    ],
)
def test_what_is_refused(text, line):
    """Each with its position; nothing is opened and nothing grows."""
    with pytest.raises(InputError) as caught:
        parse(Source("x", text), "a")
    problem = caught.value.problems[0]
    assert (problem.code, problem.position.line) == ("I061", line)
