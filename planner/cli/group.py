"""Runs a command and turns whatever it raises into a message and an exit code."""

from __future__ import annotations

import errno
import os
import re
import sys
import traceback
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup, TyperOption

from planner.cli.output import give_up, prepare_streams, unprinted, write_error
from planner.errors import InternalError, PlannerError, Problem, UsageError, render_all

TRACE_VARIABLE = "PLANNER_TRACEBACK"
# What Typer says of a value that cannot be, and what may be instead.
_ALLOWED = (
    (re.compile(r": Input should be a valid integer.*"), "a whole number"),
    (re.compile(r": Input should be a valid number.*"), "a number"),
    (re.compile(r": Input should be greater than or equal to (-?\d+).*"), "a {kind} of at least {0}"),
    (re.compile(r": Input should be less than or equal to (-?\d+).*"), "a {kind} of at most {0}"),
)


class PlannerGroup(TyperGroup):
    """A group of commands that ends every run with one of the documented exit codes."""

    def main(self, *arguments: Any, **options: Any) -> NoReturn:
        """Run the command that the arguments name, then exit."""
        prepare_streams()
        sys.exit(self._exit_code(arguments, options | {"standalone_mode": False}))

    def _exit_code(self, arguments: tuple[Any, ...], options: dict[str, Any]) -> int:
        try:
            return super().main(*arguments, **options) or 0
        except typer.TyperException as error:
            return _report(UsageError(_as_problem(error)))
        except PlannerError as error:
            return _report(error)
        except SystemExit as leaving:
            # Typer prints the help itself, and takes a reader that goes away for a failure.
            if isinstance(leaving.__context__, BrokenPipeError):
                return 0
            raise
        except Exception as error:  # noqa: BLE001  # nobody should be shown a traceback unasked
            return _report(_unforeseen(error))


def _report(error: PlannerError) -> int:
    write_error(render_all(error.problems))
    if os.environ.get(TRACE_VARIABLE):
        write_error("".join(traceback.format_exception(error.__cause__ or error)))
    return error.exit_code


def _as_problem(error: typer.TyperException) -> Problem:
    """A mistake on the command line, with where to read about the command."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "planner"
    usage = context.get_usage().removeprefix("Usage: ") if context else None
    message = error.format_message().replace("Value error, ", "")
    for said, allowed in _ALLOWED:
        found = said.search(message)
        if found:
            message, usage = message[: found.start()], allowed.format(*found.groups(), kind=_kind(error))
    return Problem("U001", message[:1].lower() + message[1:], None, usage, f"{command} --help")


def _kind(error: typer.TyperException) -> str:
    """What an option with limits takes."""
    option = getattr(error, "param", None)
    return "number" if isinstance(option, TyperOption) and option.bare_type() == "float" else "whole number"


def _unforeseen(error: Exception) -> PlannerError:
    """What `error` means: a disk is full where Typer prints the help, or we are at fault."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        give_up(sys.stdout)
        return unprinted(error)
    return _as_internal(error)


def _as_internal(error: Exception) -> InternalError:
    wrapped = InternalError.of(
        "X001",
        f"{type(error).__name__}: {error}" if str(error) else type(error).__name__,
        expected="no such failure; this is a fault of the planner, not of its input",
        suggestion=f"{TRACE_VARIABLE}=1 with the same command, and report what it prints",
    )
    wrapped.__cause__ = error
    return wrapped
