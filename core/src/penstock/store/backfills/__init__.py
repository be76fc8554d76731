"""Backfills and the dates that have had their turn."""
