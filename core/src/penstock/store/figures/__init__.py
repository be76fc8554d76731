"""Figures of the whole installation: what waits, what runs, how it went today."""
