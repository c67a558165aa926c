"""Before anything is placed: the problem, its cells, the limits of a run, and what it returns."""
