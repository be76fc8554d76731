"""Installations with workers, as real processes."""
