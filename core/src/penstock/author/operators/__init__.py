"""Operators that need no provider: Python functions, shell commands, mail, runs of other DAGs."""
