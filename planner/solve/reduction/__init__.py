"""The reduction: what a domain costs as a function of how many cells of each stage it holds."""
