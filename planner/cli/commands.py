"""Commands that are imported and put together when they are looked up.

A run looks up one; to put all of them together takes as long as to read the placement of a whole cluster.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

import typer
import typer.main

if TYPE_CHECKING:
    from typer._click.core import Command


class Commands(Mapping[str, "Command"]):
    """The commands of a group under their names, in the order in which the help lists them.

    Parameters
    ----------
    places
        Module of this room, and in it the function or the group, of each: ``"plan:plan"``.
    """

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places
        self._made: dict[str, Command] = {}

    def __getitem__(self, name: str) -> Command:
        """Put a command together, once."""
        if name not in self._made:
            self._made[name] = _made(name, self._places[name])
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def _made(name: str, place: str) -> Command:
    module, _, attribute = place.partition(":")
    found = getattr(import_module(f"planner.cli.{module}"), attribute)
    if not isinstance(found, typer.Typer):
        function, found = found, typer.Typer(add_completion=False, rich_markup_mode=None)
        found.command(name)(function)
    return typer.main.get_command(found)
