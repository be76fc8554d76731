"""Alerts, decided from values alone: who is told of what, when it is late, and in which words."""
