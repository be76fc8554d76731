"""What is kept of the past for its own sake."""
