"""From the alerts that an author wrote to rules as data."""

from typing import TYPE_CHECKING

from penstock.author.alert import written_rules
from penstock.model.dag import AlertRule
from penstock.model.state import AlertEvent

if TYPE_CHECKING:
    from penstock.author.abstract_operator import AbstractOperator
    from penstock.author.dag import DAG


def alert_rules(owner: "DAG | AbstractOperator") -> tuple[AlertRule, ...]:
    """Convert the alerts of a DAG or a task; those functions that are called stay in the file, under a name."""
    return tuple(
        AlertRule(
            on=tuple(AlertEvent(event) for event in rule.on),
            to=tuple(rule.channels),
            after_s=rule.after_s,
            callback=rule.name if rule.functions else "",
        )
        for rule in written_rules(owner)
    )
