"""What workers on other machines ask: tries for tickets, answers for tries, and where logs and ends go."""
