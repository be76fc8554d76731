"""States that people set by hand."""
