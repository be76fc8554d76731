"""What keeps a test to itself: no way out of this machine, and nothing of it left for the next one."""
