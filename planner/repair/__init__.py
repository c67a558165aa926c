"""Replanning: hardware fails or returns, and the job goes on with as few moved ranks as can be."""

from planner.repair.run import Repair, Wishes, replan
from planner.repair.service import Health, with_health

__all__ = ["Health", "Repair", "Wishes", "replan", "with_health"]
