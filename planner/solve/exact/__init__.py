"""Exact models, solved by CP-SAT: ranks, widths, nested tiers."""
