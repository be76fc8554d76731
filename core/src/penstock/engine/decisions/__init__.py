"""What follows from what has ended: what a branch cuts off, and how many instances there are."""
