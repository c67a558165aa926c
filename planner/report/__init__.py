"""What people read: tables and pictures of clusters and placements."""
