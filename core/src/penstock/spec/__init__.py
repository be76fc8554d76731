"""What providers implement: pluggy specs, ABCs and Protocols, and the manifest's schema."""
