"""Other tools that can place a grid of cells, each behind the same small adapter.

Adapters run as processes of their own, mostly in the environment that ``../install.sh`` makes: they
import neither the planner nor anything of it. ``job`` is what they are told, ``adapter`` how they are
run, ``registry`` which there are, ``runner`` what the benchmark calls.
"""
