"""Logs for tests of whoever reads them."""
