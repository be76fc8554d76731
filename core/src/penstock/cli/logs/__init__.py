"""Logs: of one task, and of all."""
