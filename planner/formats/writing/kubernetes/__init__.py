"""Kubernetes: the objects that run a placement, and the tables that their pods read."""
