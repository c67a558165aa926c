"""Makes ``python -m planner`` the command line."""

from planner.cli.entry import run

run()
