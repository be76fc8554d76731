"""What the scheduler could not handle, and what becomes of its rows."""
