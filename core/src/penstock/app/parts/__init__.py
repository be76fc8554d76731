"""Makes the parts of an installation from its settings: vault, executors, environments, metrics, and what ends one of its processes."""
