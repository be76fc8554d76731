"""Files on their way between machines."""
