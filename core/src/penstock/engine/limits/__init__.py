"""Limits and the choice among what is ready: limits come first, so that nothing full hides what could run behind it."""
