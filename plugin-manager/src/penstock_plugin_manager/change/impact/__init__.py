"""Impact: which lines of the project use what an upgrade changes in a provider."""
