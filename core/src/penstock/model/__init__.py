"""Frozen values: ids, DAG structure, runs, task instances, tries, schedules, retry policies and states.

Nothing here reads a clock, a file, the environment or a database.
"""
