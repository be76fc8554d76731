"""``[secrets]``: where connections and Variables come from, and in which order the places are asked."""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from penstock.settings.choices import read_choice, read_own_keys
from penstock.settings.numbers import Seconds, SecondsOrZero

ENVIRONMENT, DATABASE = "environment", "database"


class SecretsSettings(msgspec.Struct, frozen=True):
    """``[secrets]``: where connections and Variables come from.

    Attributes:
        order: The sources in the order in which they are asked: ``environment``, ``database``, and the names of all tables
            ``[secrets.NAME]``; if empty, the environment, these tables as they are written, and the database.
    """

    order: tuple[str, ...] = ()


class BackendChoice(msgspec.Struct, frozen=True):
    """``[secrets.NAME]``: a secrets backend of a provider, by a name of the user's own.

    Attributes:
        type: Capability id of the backend, such as ``acme.secrets``.
        options: What the backend is made with: its parameters.
        cache_s: Seconds for which an answer is used again, also that there is none; 0 to ask each time.
        timeout_s: Seconds that it may take to answer; then its process is ended.
    """

    type: str
    options: dict[str, Any] = {}
    cache_s: SecondsOrZero = 60.0
    timeout_s: Seconds = 10.0


def read_backend(name: str, value: object) -> BackendChoice:
    """Read one table of ``[secrets]``; raises RequestError with what is wrong with it."""
    own, chosen = read_own_keys(
        "secrets backend", name, read_choice("secrets", "secrets backend", name, value), BackendChoice
    )
    return BackendChoice(chosen.type, chosen.options, **own)


def order_of(order: tuple[str, ...], backends: Mapping[str, BackendChoice]) -> tuple[str, ...]:
    """All sources in the order in which they are asked."""
    return order or (ENVIRONMENT, *backends, DATABASE)


def order_problems(order: tuple[str, ...], backends: Collection[str]) -> list[str]:
    """Say what is wrong with the order, and with the names of backends, a sentence each."""
    known = (ENVIRONMENT, *backends, DATABASE)
    found = [f"secrets: {name!r} is a source that is always there; give the backend another name." for name in
             (ENVIRONMENT, DATABASE) if name in backends]  # fmt: skip
    if not order:
        return found
    found += [
        f"order: there is no source {name!r}. Known are: {', '.join(known)}; a backend has a table [secrets.{name}]."
        for name in order
        if name not in known
    ]
    found += [f"order: {name!r} is listed twice." for name in sorted({each for each in order if order.count(each) > 1})]
    missing = [name for name in backends if name not in order]
    found += [
        f"order: {name!r} is not in it, so [secrets.{name}] is never asked. Add it, or take the table away."
        for name in missing
    ]
    return found
