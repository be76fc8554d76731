"""Real brokers of messages, each started by a test and gone with it."""
