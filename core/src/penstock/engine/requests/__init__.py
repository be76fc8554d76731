"""What people ask of runs."""
