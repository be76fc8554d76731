"""How all that is in a database gets into another one, of the same kind or the other."""
