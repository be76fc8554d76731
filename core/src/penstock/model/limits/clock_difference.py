"""By how much clocks may differ."""

from datetime import timedelta

MOST_DIFFERENCE = timedelta(minutes=10)
"""By how much clocks differ at most that are not wrong: those of two machines, or one that is kept right by and by."""
