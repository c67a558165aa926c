"""A site as foreign files describe it, and its way into a topology file."""
