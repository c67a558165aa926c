"""From width vectors to GPUs: rings, stripes, and rails."""
