"""How long a step takes: compute, network, pipeline schedules."""
