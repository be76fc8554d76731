"""Below the store: one database, its schema and its types, statements for many rows, and how processes exclude and wake each other.

A room of its own, because the store's questions (what is a run, what is old) are read apart from how a database is spoken to.
"""
