"""HTTP: what listens, and what answers."""
