"""Who schedules in a database: one process in SQLite; in PostgreSQL, processes with leases and fencing tokens."""
