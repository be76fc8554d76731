"""What was asked for in the past, and what could not be handled."""
