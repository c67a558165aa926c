"""InfiniBand fabrics as sites, whichever tool lists them."""
