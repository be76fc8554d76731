"""Limits as values."""
