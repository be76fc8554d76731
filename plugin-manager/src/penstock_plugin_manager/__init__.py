"""Resolves, installs and lists Penstock providers, and nothing else."""
