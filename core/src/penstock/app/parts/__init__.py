"""Makes the parts of an installation from its settings: vault, executors, environments, metrics."""
