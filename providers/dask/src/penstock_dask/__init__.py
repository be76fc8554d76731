"""Dask for Penstock."""
