"""Kubernetes for Penstock."""
