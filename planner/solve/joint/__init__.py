"""All tiers at once: one relaxation in which outer domains hold what those inside them hold."""
