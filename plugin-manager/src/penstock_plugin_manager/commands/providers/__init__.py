"""Commands that show, add and take out providers."""
