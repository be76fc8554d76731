"""What the edges of a DAG mean: its structure by number, trigger rules, and what tasks wait for besides."""
