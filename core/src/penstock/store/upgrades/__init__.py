"""How a database of an older Penstock becomes one of this."""
