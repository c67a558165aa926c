"""Host lists, against Slurm's own scontrol."""

from __future__ import annotations

from random import Random

import pytest

from planner.errors import InputError
from planner.formats.hostlist import LONGEST_RANGE, compress, expand
from planner.topology import names
from tests.formats.test_hostlist import COMPRESSED, EXPANDED
from tests.real.scontrol import require_scontrol, show

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("slurm")]

MANY = 400
PREFIXES = ("n", "r1c", "a-", "x.y", "0n", "gpu")


def _number(chance):
    low = chance.randrange(130)
    padded = f"{low:0{chance.randint(1, 4)}d}"
    return padded if chance.random() < 0.6 else f"{padded}-{low + chance.randrange(7)}"


def _bracket(chance):
    return f"[{','.join(_number(chance) for _ in range(chance.randint(1, 3)))}]"


def _entry(chance):
    brackets = chance.choice((0, 1, 1, 2, 3, 4))
    return "".join(chance.choice(PREFIXES) + _bracket(chance) for _ in range(brackets)) or chance.choice(
        PREFIXES
    )


def _expression(chance):
    return ",".join(_entry(chance) for _ in range(chance.randint(1, 3)))


def _hosts(chance):
    """Some hosts, many of them neighbours."""
    hosts = []
    for _ in range(chance.randint(1, 5)):
        prefix, width, low = chance.choice(PREFIXES), chance.randint(1, 3), chance.choice((0, 7, 98))
        suffix = chance.choice(("", "", "", "-ib"))
        hosts += [f"{prefix}{low + step:0{width}d}{suffix}" for step in range(chance.randint(1, 5))]
    return hosts


@pytest.fixture
def slurm():
    """Slurm is installed."""
    require_scontrol()


def test_expand(tmp_path):
    """The same hosts in the same order."""
    chance = Random(1)
    expressions = [_expression(chance) for _ in range(MANY)]
    assert [expand(text) for text in expressions] == show("hostnames", expressions, tmp_path)


def test_compress(tmp_path):
    """The same expression, and Slurm expands it to the same hosts."""
    chance = Random(2)
    sites = [_hosts(chance) for _ in range(MANY)]
    written = [compress(hosts) for hosts in sites]
    assert [[text] for text in written] == show("hostlist", [",".join(hosts) for hosts in sites], tmp_path)
    assert sites == show("hostnames", written, tmp_path)


def test_facts(tmp_path):
    """What the quick tests say that Slurm prints, it prints; text after a bracket needs a newer one."""
    read = [text for text in EXPANDED if text and not text.endswith("-ib") and " " not in text]
    assert show("hostnames", read, tmp_path) == [EXPANDED[text].split() for text in read]
    listed = [hosts.replace(" ", ",") for hosts in COMPRESSED]
    assert show("hostlist", listed, tmp_path) == [[text] for text in COMPRESSED.values()]


def test_refused(tmp_path):
    """Where Slurm prints no host but an error, we refuse."""
    expressions = ["n[3-1]", "n[]", "n[a-b]", "n[1,,2]", "n[[1-2]]", f"n[0-{LONGEST_RANGE}]", "n[1-2,]"]
    assert show("hostnames", expressions, tmp_path) == [[]] * len(expressions)
    for expression in expressions:
        with pytest.raises(InputError):
            expand(expression)


def test_longest(tmp_path):
    """A run of more hosts than one range may have comes back whole."""
    hosts = [f"n{number}" for number in range(LONGEST_RANGE + 5)]
    assert show("hostnames", [compress(hosts)], tmp_path) == [hosts]


def test_name_ranges(tmp_path):
    """What reports list as a name range, Slurm expands to the same names."""
    chance = Random(3)
    sites = [_hosts(chance) for _ in range(MANY)]
    assert sites == show("hostnames", [names.compress(hosts) for hosts in sites], tmp_path)
