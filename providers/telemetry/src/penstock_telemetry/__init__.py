"""Metrics of Penstock by StatsD and OTLP."""
