"""Bounds on what processes may take."""
