"""What makes a change once, and only if a thing is as it was read."""
