"""Reading package indexes and the wheels that lie there."""
