"""What importers share: text of others, and what several formats say alike."""
