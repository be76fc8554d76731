"""Logs as values: their lines, and the words by which they are found."""
