"""The change feed: what has changed, as those learn of it who look on. Frozen values."""
