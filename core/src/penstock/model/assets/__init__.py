"""Assets: what tasks make and DAGs wait for, its conditions and its events, as values."""
