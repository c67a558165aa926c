"""One tier: width vectors as columns, their relaxation, and whole numbers from it."""
