"""The manifest of a provider: its format, its rules, and the finding of what is installed.

The modules are imported one by one, as each caller needs few of them and most callers are short-lived processes.
"""
