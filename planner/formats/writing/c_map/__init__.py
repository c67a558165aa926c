"""The binary map of a placed job that ``planner_map.h`` reads: layout, rows, and patches between maps."""
