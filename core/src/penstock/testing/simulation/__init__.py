"""Seeded worlds around the real scheduler, in which everything fails at times, and the rules that hold in them all the same."""
