"""What people have asked the scheduler for, and what became of it."""
