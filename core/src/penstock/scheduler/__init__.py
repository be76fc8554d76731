"""The shell around the engine: collect events, step, one transaction, carry out commands, wait."""
