"""What people ask of live runs."""
