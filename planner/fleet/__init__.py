"""Several jobs on one cluster: each gets its part, is placed there, and shares as few uplinks as can be."""
