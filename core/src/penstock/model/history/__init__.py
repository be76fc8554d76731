"""What was asked for in the past."""
