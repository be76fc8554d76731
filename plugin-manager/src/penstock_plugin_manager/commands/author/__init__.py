"""Commands for authors of providers."""
