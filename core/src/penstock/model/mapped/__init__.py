"""What belongs to which instance of what is mapped."""
