"""JSON Schema: what the value of a parameter must be."""
