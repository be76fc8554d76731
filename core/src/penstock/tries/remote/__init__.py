"""What stands between a scheduler and executors that only carry tickets: offered tries, what becomes of them, and the doorbell."""
