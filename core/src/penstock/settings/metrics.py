"""``[metrics]``: where measurements go."""

import msgspec

from penstock.settings.choices import Choice, read_choice
from penstock.settings.numbers import Seconds


class MetricsSettings(msgspec.Struct, frozen=True):
    """``[metrics]``: where measurements go; nothing is measured unless a table ``[metrics.NAME]`` chooses a sink.

    Attributes:
        interval_s: Seconds between two calls of a sink.
    """

    interval_s: Seconds = 10.0


def read_sink(name: str, value: object) -> Choice:
    """Read one table of ``[metrics]``; raises RequestError with what is wrong with it."""
    return read_choice("metrics", "metrics sink", name, value)
