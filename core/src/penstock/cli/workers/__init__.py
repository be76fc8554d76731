"""Commands on workers of remote executors."""
