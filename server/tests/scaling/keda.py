"""KEDA's scaler of an API's metric, and the arithmetic of the autoscaler that it makes, as far as one trigger goes.

Written down from what both document: the value is at a path of the answer, a number or the text of a quantity, and anything else is an
error, at which nothing is changed. KEDA itself goes from zero to one and back, by `activationTargetValue` and `cooldownPeriod`; between,
the autoscaler wants ``ceil(value / target)``, but for what is within a tenth of what is there, and no more at once than twice, or four.
"""

import math
from fractions import Fraction

_TOLERANCE = Fraction(1, 10)


class KedaError(Exception):
    """The value cannot be had."""


def value_at(answer, path):
    """The number at a path of GJSON: keys, with a backslash before what else would part them."""
    keys, key, escaped = [], "", False
    for letter in path:
        if letter == "\\" and not escaped:
            escaped = True
        elif letter == "." and not escaped:
            keys, key = [*keys, key], ""
        else:
            key, escaped = key + letter, False
    for each in [*keys, key]:
        if not isinstance(answer, dict) or each not in answer:
            raise KedaError(f"valueLocation {path!r} leads to nothing")
        answer = answer[each]
    if isinstance(answer, bool) or not isinstance(answer, int | float):
        raise KedaError(f"valueLocation {path!r} leads to {answer!r}, which is no number")
    return answer


class Keda:
    """One ScaledObject.

    Args:
        ask: Answers a request for the URL: status and content.
        least: Its minReplicaCount.
        most: Its maxReplicaCount.
        cooldown_s: Its cooldownPeriod.
        path: Its valueLocation.
    """

    def __init__(self, ask, *, path, least=0, most=100, cooldown_s=0.0):
        self._ask, self._path, self._least, self._most, self._cooldown_s = ask, path, least, most, cooldown_s
        self._active_at = None
        self.errors = 0

    def replicas(self, present, now_s):
        """How many there are to be, after a poll."""
        status, content = self._ask()
        try:
            value = value_at(content if status == 200 else {}, self._path)
        except KedaError:
            self.errors += 1
            return present
        if value > 0:
            self._active_at = now_s
            return self._between(present, value) if present else max(1, self._least)
        if self._least:
            return self._least
        if present and (self._active_at is None or now_s - self._active_at >= self._cooldown_s):
            return 0
        return present

    def _between(self, present, value):
        ratio = Fraction(value) / present
        wanted = present if abs(ratio - 1) <= _TOLERANCE else math.ceil(value)
        at_once = max(2 * present, present + 4)
        return max(1, self._least, min(wanted, at_once, self._most))
