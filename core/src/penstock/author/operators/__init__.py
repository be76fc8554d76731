"""Operators that need no provider: Python functions and ``@task``, ``@dag``, shell commands, mail, runs of other DAGs."""
