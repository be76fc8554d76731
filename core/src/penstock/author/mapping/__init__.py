"""Dynamic mapping: tasks and task groups once for each element of a list or dict."""
