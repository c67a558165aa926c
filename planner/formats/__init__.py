"""Foreign formats: one module each, which knows no other."""
