"""Figures of the whole installation: what waits and runs now, as metrics and for people."""
