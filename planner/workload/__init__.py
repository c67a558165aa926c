"""Workloads: the model, the mesh of ranks, the families of groups and what they move, memory."""
