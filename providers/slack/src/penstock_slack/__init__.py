"""Slack for Penstock."""
