"""Backfills: runs of a DAG's past, as one thing that is planned, watched, paused and cancelled."""
