"""The strategies that are found against those that were published."""
