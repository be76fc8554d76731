"""The tables of who may do what, and of what people have asked for."""
