"""Commands that installed providers bring."""
