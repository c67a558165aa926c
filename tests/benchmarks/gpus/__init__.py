"""Measurements on real GPUs, which the cost model is held against."""
