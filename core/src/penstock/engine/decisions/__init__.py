"""What follows from what has ended: what a branch cuts off, how many instances there are, and what the run before holds."""
