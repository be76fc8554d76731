"""Tries that were handed to remote executors, and their workers."""
