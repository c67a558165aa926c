"""Walks: cells and whole domains change places, in compiled loops."""
