"""The commands that show what was before."""
