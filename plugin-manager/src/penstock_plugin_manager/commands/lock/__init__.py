"""Commands on the lock: write it, export it, judge what it holds."""
