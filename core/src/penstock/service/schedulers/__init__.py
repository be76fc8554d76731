"""Who schedules: which schedulers there are, what they hold back, and their end."""
