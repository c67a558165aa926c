"""Replanning: hardware fails or returns, and the job goes on with as few moved ranks as can be."""

from planner.repair.run import Repair, Wishes, replan
from planner.repair.service import Health, with_health
from planner.repair.spare import spare_of_ranks

__all__ = ["Health", "Repair", "Wishes", "replan", "spare_of_ranks", "with_health"]
