"""One try of a task: its context, its templates, the values it takes and the values it leaves."""
