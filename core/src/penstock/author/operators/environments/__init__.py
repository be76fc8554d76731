"""Python functions that run in another Python: environments that uv makes and keeps, and interpreters that are there."""
