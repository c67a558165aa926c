"""A site as the text of a topology file that people can read and keep by hand.

Hosts that are alike share a row with a range of names; what is out of service or slower than the
rest is listed with the reason; the head says where the file comes from and what was assumed.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, TypeVar

from planner.errors import InputError, printable
from planner.formats.site.figures import common_scale_up, settle
from planner.formats.site.given import NOTHING
from planner.formats.site.models import preset_name
from planner.formats.site.naming import in_lines, joined
from planner.formats.site.places import places
from planner.formats.site.quantities import bandwidth
from planner.formats.site.site import Host
from planner.formats.site.trunks import trunks
from planner.formats.site.uplinks import settle_uplinks
from planner.source.scalars import resolve
from planner.topology.names import entries, natural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from planner.formats.site.figures import Figures, Nics
    from planner.formats.site.given import Given
    from planner.formats.site.places import Path, Places
    from planner.formats.site.site import Site
    from planner.formats.site.trunks import Trunk, Trunks
    from planner.formats.site.uplinks import Uplinks

USUAL_SCALE_UP = 900e9
LONGEST_COMMENT = 100
LONGEST_TITLE = 200
# Of the most that a topology file may have.
MOST_OF_LINKS = 700_000

T = TypeVar("T")

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def author(site: Site, given: Given = NOTHING, origin: str = "") -> str:
    """The topology file of `site`; what is odd or assumed is added to the site.

    Parameters
    ----------
    given
        What a person says where no source does.
    origin
        Where the site comes from, for the head of the file.

    Raises
    ------
    InputError
        I002 where there is no host with a GPU.
    """
    if not site.hosts and site.node.gpus:
        site.hosts["node"] = Host("node")
        site.assumptions.append("a cluster of the one node that was described, called node")
    settled = settle(site, given)
    if not settled:
        raise InputError.of(
            "I002",
            "no source names a host with GPUs",
            expected="at least one",
            suggestion="--gpus N for the hosts of which no source says it, or another source",
        )
    where = places(site, settled)
    uplinks = settle_uplinks(site, settled, where)
    body = list(_Body(site, given, settled, where, uplinks).lines())
    return "\n".join([*_head(site, origin), *body]) + "\n"


def _head(site: Site, origin: str) -> Iterator[str]:
    if origin:
        yield from _comment(f"Imported from {origin}.")
    if site.assumptions:
        yield "# Assumed:"
        for assumption in dict.fromkeys(site.assumptions):
            first, *more = _wrapped(assumption, LONGEST_COMMENT - 4)
            yield f"# - {first}"
            yield from (f"#   {line}" for line in more)


def _comment(text: str) -> Iterator[str]:
    return (f"# {line}" for line in _wrapped(text, LONGEST_COMMENT - 2))


def _wrapped(text: str, width: int) -> list[str]:
    """`text` in lines; a word longer than a line keeps one of its own."""
    lines = [""]
    for word in printable(text).split():
        joined = f"{lines[-1]} {word}".strip()
        if len(joined) <= width or not lines[-1]:
            lines[-1] = joined
        else:
            lines.append(word)
    return lines


class _Body:
    """The keys of the file."""

    def __init__(
        self, site: Site, given: Given, settled: Sequence[Figures], where: Places, uplinks: Uplinks
    ) -> None:
        self.site = site
        self.given = given
        self.where = where
        self.uplinks = uplinks
        self.settled = sorted(settled, key=lambda each: [natural(part) for part in self._path(each)])
        self.nics = _commonest(each.nics for each in settled)
        self.model = _commonest(each.model for each in settled)
        self.scale_up = common_scale_up(site, list(settled), given)

    def _path(self, each: Figures) -> Path:
        return self.where.path_of[each.host.name]

    def lines(self) -> Iterator[str]:
        yield "format_version: 1"
        yield f"name: {_title(self.given.name or self.site.name or 'imported')}"
        if self.model:
            yield f"gpu: {_gpu(self.model)}"
        yield from self._tiers()
        yield from self._domains()
        yield f'host_name: "{{{self.where.node}}}"'
        yield from _list("down", self._down())
        yield from _list("spare", self._of_hosts(lambda host: host.spare))
        yield from _list("degraded", self._degraded())
        yield from self._fabric()

    def _tiers(self) -> Iterator[str]:
        yield "tiers:"
        names = [self.where.node, *(tier.name for tier in self.where.tiers)]
        for index, name in enumerate(names):
            parts = [f"name: {name}"]
            if index == self.where.boundary and (speed := self._scale_up()):
                parts.append(f"scale_up: {bandwidth(speed)}")
            if index == 0:
                parts.append(f"nics: {_nics(self.nics)}")
            if index in self.uplinks.of_tier:
                parts.append(f"uplink: {bandwidth(self.uplinks.of_tier[index])}")
            yield f"  - {{{', '.join(parts)}}}"
        yield f"  - {{name: {self.where.cluster}}}"

    def _scale_up(self) -> float | None:
        """NVLink bandwidth; where domains span hosts there must be one."""
        if self.where.boundary and not self.scale_up:
            self.scale_up = USUAL_SCALE_UP
            self.site.assumptions.append(f"NVLink of {bandwidth(USUAL_SCALE_UP)} a GPU, as is usual")
        return self.scale_up

    def _domains(self) -> Iterator[str]:
        yield "domains:"
        rows: dict[tuple[Path, int, Nics, str | None, bool], list[str]] = defaultdict(list)
        for each in self.settled:
            path = self._path(each)
            lost = each.host.name in self.where.made_up
            rows[path[:-1], each.gpus, each.nics, each.model, lost].append(path[-1])
        tiers = [tier.name for tier in reversed(self.where.tiers)]
        for (outer, gpus, nics, model, lost), nodes in rows.items():
            parts = [f"{tier}: {_text(word)}" for tier, word in zip(tiers, outer, strict=True)]
            rest = [f"gpus: {gpus}"]
            if nics != self.nics:
                rest.append(f"nics: {_nics(nics)}")
            if model != self.model:
                rest.append(f"gpu: {_gpu(model or 'unknown')}")
            why = "   # no source says where these are" if lost else ""
            for line in in_lines(nodes):
                yield f"  - {{{', '.join([*parts, f'{self.where.node}: {_text(line)}', *rest])}}}{why}"

    def _down(self) -> Iterator[str]:
        yield from self._of_hosts(lambda host: host.down)
        yield from self._of_devices("gpu", lambda each: each.gpus_down)
        yield from self._of_devices("nic", lambda each: each.nics_down)

    def _of_hosts(self, reason_of: Callable[[Host], str | None]) -> Iterator[str]:
        """Selectors of all hosts that have a reason, whole domains together."""
        reasons = {self._path(each): reason_of(each.host) for each in self.settled}
        by_domain: dict[Path, set[str | None]] = defaultdict(set)
        for path, reason in reasons.items():
            for length in range(1, len(path) + 1):
                by_domain[path[:length]].add(reason)
        listed: dict[tuple[Path, str], list[str]] = defaultdict(list)
        for path, reason in reasons.items():
            if reason is not None:
                # The largest domain all of which shares the reason stands for it.
                length = next(n for n in range(1, len(path) + 1) if len(by_domain[path[:n]]) == 1)
                names = listed[path[: length - 1], reason]
                if path[length - 1] not in names[-1:]:
                    names.append(path[length - 1])
        for (outer, reason), names in listed.items():
            for line in in_lines(names):
                yield _selector((*outer, line), reason)

    def _of_devices(self, kind: str, down_of: Callable[[Figures], dict[int, str]]) -> Iterator[str]:
        listed: dict[tuple[Path, str, str], list[str]] = defaultdict(list)
        for each in self.settled:
            *outer, node = self._path(each)
            by_reason: dict[str, list[str]] = defaultdict(list)
            if each.host.down is None:
                for index, reason in sorted(down_of(each).items()):
                    by_reason[reason].append(f"{kind}{index}")
            for reason, devices in by_reason.items():
                listed[tuple(outer), ",".join(in_lines(devices)), reason].append(node)
        for (outer_path, device, reason), nodes in listed.items():
            for line in in_lines(nodes):
                yield _selector((*outer_path, line, device), reason)

    def _degraded(self) -> Iterator[str]:
        listed: dict[tuple[Path, float], list[str]] = defaultdict(list)
        for path, left in self.uplinks.degraded.items():
            listed[path[:-1], left].append(path[-1])
        for (outer, left), names in sorted(listed.items(), key=lambda item: _order(item[0][0], item[1])):
            for line in in_lines(sorted(names, key=natural)):
                yield f"{{at: {_text('/'.join((*outer, line)))}, uplink: {bandwidth(left)}}}"

    def _fabric(self) -> Iterator[str]:
        """Switches and links, unless there are none or too many for a file."""
        found = trunks(self.site, self.where.path_of)
        if not found.rows:
            return
        most_nics = max(each.nics.count for each in self.settled)
        lines = [*_switches(found), "  links:", *(_link(row, most_nics) for row in found.rows)]
        if sum(map(len, lines)) > MOST_OF_LINKS:
            self.site.assumptions.append("switches and links are too many for the file, and left out")
            return
        if not found.complete:
            self.site.assumptions.append("links whose bandwidth no source says are left out")
        yield "fabric:"
        yield "  kind: links"
        yield from lines


def _switches(found: Trunks) -> Iterator[str]:
    yield "  switches:"
    for names in found.switches:
        yield from (f"    - {_text(line)}" for line in joined(entries(names), LONGEST_COMMENT))


def _link(row: Trunk, most_nics: int) -> str:
    count = f", count: {row.count}" if row.count > 1 else ""
    nic = f", nic: {row.nic}" if row.nic is not None and row.nic < most_nics else ""
    lower, upper = (_text(end) for end in row.ends)
    return (
        f"    - {{ends: [{lower}, {upper}], bandwidth: {bandwidth(row.bytes_per_s, bits=True)}{count}{nic}}}"
    )


def _order(outer: Path, names: list[str]) -> tuple[int, list[object]]:
    """Outer domains first, then by name."""
    return len(outer), [natural(part) for part in (*outer, min(names, key=natural))]


def _list(key: str, entries: Iterable[str]) -> Iterator[str]:
    """A key with a list of entries; nothing where there are none."""
    lines = [f"  - {entry}" for entry in entries]
    if lines:
        yield f"{key}:"
        yield from lines


def _selector(path: Sequence[str], reason: str) -> str:
    why = " ".join(printable(reason).split())[:LONGEST_COMMENT]
    return f'"{"/".join(path)}"' + (f"   # {why}" if why else "")


def _commonest(values: Iterable[T]) -> T:
    counts = Counter(values)
    return max(counts, key=lambda value: (counts[value], repr(value)))


def _nics(nics: Nics) -> str:
    rails = "" if nics.rails else ", rails: false"
    return f"{{count: {nics.count}, bandwidth: {bandwidth(nics.bytes_per_s, bits=True)}{rails}}}"


def _gpu(model: str) -> str:
    """A preset, or a model of which nothing is known but its name."""
    return model if preset_name(model) == model else f"{{name: {_title(model)}}}"


def _title(text: str) -> str:
    return _text(printable(text)[:LONGEST_TITLE])


def _text(text: str) -> str:
    """`text` as YAML reads it back, in quotes where it needs them."""
    if _PLAIN.fullmatch(text) and isinstance(resolve(text), str):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
