"""Stored values, and the hash that names content: zones of datetimes, instances of classes, tables, what is refused."""
