"""What providers cost."""
