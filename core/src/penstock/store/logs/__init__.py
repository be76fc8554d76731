"""What shipping logs to a log store needs from the database."""
