"""How long something usually takes, learnt from its own history."""

from collections.abc import Sequence
from statistics import median

LEAST_RUNS = 5
"""Successes that must have been seen before anything counts as unusual."""

RUNS = 20
"""The latest successes that count."""

_OUTLIER = 3.5
_MAD_SCALE = 0.6745


def longest_usual_s(durations_s: Sequence[float]) -> float | None:
    """The duration beyond which something takes unusually long, in seconds; None if too little is known.

    It is twice the median of the latest successes, or more if they vary more: a duration is an outlier if its modified z-score,
    0.6745 (x - median) / MAD with MAD the median absolute deviation, is above 3.5 (Iglewicz and Hoaglin, How to Detect and
    Handle Outliers, 1993). The first term keeps tasks that always take the same from alerts over nothing.
    """
    latest = durations_s[:RUNS]
    if len(latest) < LEAST_RUNS:
        return None
    middle = median(latest)
    deviation = median(abs(each - middle) for each in latest)
    return max(2 * middle, middle + _OUTLIER * deviation / _MAD_SCALE, 1.0)
