"""``[metrics]``: where measurements go."""

from typing import Annotated, Any

import msgspec

from penstock.decoders import convert
from penstock.errors import RequestError
from penstock.model.values.wrong_value import wrong_value
from penstock.settings.choices import read_choice
from penstock.settings.numbers import Seconds

PROMETHEUS = "prometheus"
"""The type of the sink that is built in."""


class MetricsSettings(msgspec.Struct, frozen=True):
    """``[metrics]``: where measurements go; nothing is measured unless a table ``[metrics.NAME]`` chooses a sink.

    Attributes:
        interval_s: Seconds between two calls of a sink.
        most_labels: DAGs, DAG files, queues and pools that are told apart in metrics; the others count together, as ``other``.
    """

    interval_s: Seconds = 10.0
    most_labels: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 500


class ScrapeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The options of the sink ``prometheus``.

    Attributes:
        host: Address on which it listens.
        port: Its port.
    """

    host: Annotated[str, msgspec.Meta(min_length=1)] = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 9464


class SinkChoice(msgspec.Struct, frozen=True):
    """A metrics sink by its name, as ``NAME = "TYPE"`` or as a table with ``type`` and its options.

    Attributes:
        type: ``prometheus``, or the capability id of a provider's sink, such as ``acme.metrics``.
        options: What the sink is made with.
    """

    type: str
    options: dict[str, Any] = {}

    @property
    def provided(self) -> bool:
        """Whether a provider brings it."""
        return self.type != PROMETHEUS


def read_sink(name: str, value: object) -> SinkChoice:
    """Read one table of ``[metrics]``; raises RequestError with what is wrong with it."""
    chosen = SinkChoice(*read_choice("metrics", "metrics sink", name, value, instead=PROMETHEUS))
    if not chosen.provided:
        scrape_settings(name, chosen)
    return chosen


def scrape_settings(name: str, chosen: SinkChoice) -> ScrapeSettings:
    """The options of the sink ``prometheus``; raises RequestError with what is wrong with them."""
    try:
        return convert(chosen.options, ScrapeSettings)
    except msgspec.ValidationError as error:
        raise RequestError(f"metrics sink {name!r}: {wrong_value(error, ScrapeSettings)}") from None
