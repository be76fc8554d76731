"""What people and loaders ask of the scheduler."""
