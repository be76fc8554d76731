"""Assets in the database: who names them, their events, how far these were taken."""
