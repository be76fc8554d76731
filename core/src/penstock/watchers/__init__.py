"""Watchers of assets: look for files and objects, and tell of each that has come, once."""
