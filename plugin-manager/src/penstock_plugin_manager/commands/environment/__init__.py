"""Commands on an environment and its generations."""
