"""Working out a change to an environment and carrying it out: what every command that changes something shares."""
