"""From the alerts that an author wrote to rules as data."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from penstock.author.alert import written_rules
from penstock.model.dag import AlertRule
from penstock.model.state import AlertEvent
from penstock.model.text import shortened, visible

if TYPE_CHECKING:
    from penstock.author.abstract_operator import AbstractOperator
    from penstock.author.dag import DAG


_LONGEST = 200


def alert_rules(owner: "DAG | AbstractOperator") -> tuple[AlertRule, ...]:
    """Convert the alerts of a DAG or a task; those functions that are called stay in the file, under a name."""
    return tuple(
        AlertRule(
            on=tuple(AlertEvent(event) for event in rule.on),
            to=tuple(rule.channels),
            after_s=rule.after_s,
            callback=rule.name if rule.functions else "",
            functions=tuple(map(_name_of, rule.functions)),
        )
        for rule in written_rules(owner)
    )


def _name_of(function: Callable[..., Any]) -> str:
    """Name a function for people by its module; an object that is called, by its class; a `partial`, by its function."""
    while isinstance(function, partial):
        function = function.func
    named = function if isinstance(getattr(function, "__qualname__", None), str) else type(function)
    return shortened(visible(f"{named.__module__}.{named.__qualname__}"), _LONGEST)
