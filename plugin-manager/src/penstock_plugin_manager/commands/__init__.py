"""The commands: each reads what it needs, decides by the pure rooms, and returns a result; none prints."""
