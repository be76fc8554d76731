"""Solving: requests with what catalogs know of failures, and each failure in words, with the ways out."""
