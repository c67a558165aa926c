"""Clusters: the authored file, the immutable arrays it becomes, and its graph of switches."""
