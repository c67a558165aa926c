"""The step-time model against published runs."""
