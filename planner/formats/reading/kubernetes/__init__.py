"""Kubernetes: what nodes and the objects of schedulers say of a cluster."""
