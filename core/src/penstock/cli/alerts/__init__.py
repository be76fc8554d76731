"""``penstock alerts``: who is told of what, and how it fares."""
