"""Docker for Penstock."""
