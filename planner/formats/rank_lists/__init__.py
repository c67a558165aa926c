"""Launchers' lists of ranks, and the placements that they are."""
