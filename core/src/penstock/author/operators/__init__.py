"""Operators that need no provider: Python functions and ``@task``, shell commands, mail, runs of other DAGs."""
