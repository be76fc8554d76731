"""The scheduling state machine, sans I/O: events in, changes and commands out.

Nothing here reads a clock, draws a random number, opens a file, logs, or knows a database or a process. Time is an
argument of `Engine.step`; jitter is drawn from a seed. So the engine runs as well in a simulator as in production.
"""
