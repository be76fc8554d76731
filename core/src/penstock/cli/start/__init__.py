"""Where a project begins: its files, its processes."""
