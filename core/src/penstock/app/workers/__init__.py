"""Makes the workers of remote executors."""
