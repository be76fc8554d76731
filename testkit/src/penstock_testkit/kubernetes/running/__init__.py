"""The machine of a fake cluster: pods as processes, their logs, their ends."""
