"""The Redshift Data API: a client of it, and the hook's sessions over it."""
