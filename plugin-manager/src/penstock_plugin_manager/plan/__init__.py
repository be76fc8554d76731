"""From what is wanted, what stands and what was resolved to steps with reasons; pure."""
