"""Suites of what carries tries to other machines."""
