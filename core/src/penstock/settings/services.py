"""``[services]``: long-running parts of providers that ``penstock up`` keeps alive."""

from typing import Any

import msgspec

from penstock.settings.choices import read_choice, read_own_keys
from penstock.settings.numbers import Seconds


class ServiceChoice(msgspec.Struct, frozen=True):
    """``[services]``: a service by a name of the user's own, as ``NAME = "TYPE"`` or as a table with ``type`` and options.

    Attributes:
        type: Capability id of the service, such as ``acme.web``.
        options: What the service is made with: its parameters.
        report_s: Seconds after which a service that has begun to report, and stopped, counts as hung; it is started again then.
        stop_s: Seconds that it gets to end by itself when Penstock stops.
        enabled: Whether it is kept; `false` switches off one that is always kept while its provider is installed.
    """

    type: str
    options: dict[str, Any] = {}
    report_s: Seconds = 60.0
    stop_s: Seconds = 5.0
    enabled: bool = True


def read_service(name: str, value: object) -> ServiceChoice:
    """Read one entry of ``[services]``; raises RequestError with what is wrong with it."""
    own, chosen = read_own_keys("service", name, read_choice("services", "service", name, value), ServiceChoice)
    return ServiceChoice(chosen.type, chosen.options, **own)
