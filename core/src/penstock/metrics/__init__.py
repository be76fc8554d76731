"""Metrics: the table of all that is measured, the recorders that processes measure with, and the process that hands it to sinks."""
