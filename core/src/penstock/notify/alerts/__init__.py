"""Alerts on their way: made of notices, gathered a while, sent by a process for each channel."""
