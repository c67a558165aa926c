"""From tier to tier: covering outer domains by the ones inside them."""
