"""What pages show: many runs with their tasks at once, in a constant number of queries."""
