"""Lines of logs by their words: in a file of its own beside an SQLite database, in tables of its own in PostgreSQL."""
