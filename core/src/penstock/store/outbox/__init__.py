"""What waits to be told: changes of states for listeners, alerts for their channels."""
