"""Makes ``python -m planner`` the command line."""

from planner.cli.main import run

run()
