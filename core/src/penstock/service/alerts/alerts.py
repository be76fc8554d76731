"""Operations on alerts: list who is told of what and how it fares."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from penstock.alerts.occurrence import Occurrence
from penstock.alerts.rules import CALLBACK, Rules
from penstock.errors import PenstockError, StoreError
from penstock.model.dag import MAILTO, AlertRule, DagSpec
from penstock.model.names import channel_problem
from penstock.notify.alerts.channels import shown
from penstock.service.installation import Installation
from penstock.store import KEPT, AlertDelivery

_CALLBACKS = shown(f"{CALLBACK}:")

_decode = msgspec.json.Decoder(Occurrence).decode


class RuleRow(NamedTuple):
    """One rule.

    Attributes:
        level: ``installation``, ``DAG`` or ``task``.
        subject: The DAG or task; of the installation, the patterns of DAG ids.
        on: The events.
        to: The channels, and the functions of the DAG file: ``reports.note()``.
        problem: Why a channel of it can be sent nothing; "" if all can.
    """

    level: str
    subject: str
    on: tuple[str, ...]
    to: tuple[str, ...]
    after_s: float | None
    problem: str


class ChannelRow(NamedTuple):
    """One channel.

    Attributes:
        type: ``smtp``, ``callback``, or the capability id of a notifier.
        waiting: Alerts and messages that are not delivered yet.
        failure: What went wrong at the last attempt of a message that is tried again; "" if nothing did.
    """

    name: str
    type: str
    waiting: int
    failure: str


class AlertsReport(NamedTuple):
    """Who is told of what, and how it fares.

    Attributes:
        given_up: The newest messages that will not be delivered; the channel of one for functions is their name.
    """

    rules: list[RuleRow]
    channels: list[ChannelRow]
    given_up: list[AlertDelivery]


def list_alerts(installation: Installation) -> AlertsReport:
    """List rules, channels, and messages that were given up; raises StoreError."""
    rules = list(_rules(installation))
    settings, stored = installation.settings, installation.has_database
    alerts = installation.store.alerts if stored else None
    waiting: dict[str, int] = dict.fromkeys(settings.notifiers, 0)
    failures: dict[str, str] = {}
    for each in alerts.waiting() if alerts else ():
        name = _channel_name(installation, each.channel)
        waiting[name] = waiting.get(name, 0) + each.alerts
        if each.alerts >= KEPT:
            failures[name] = f"{KEPT:,} alerts wait, which is all that is kept: what comes now is dropped"
    for delivery in alerts.open() if alerts else ():
        name = _channel_name(installation, delivery.channel)
        waiting[name] = waiting.get(name, 0) + 1
        failures[name] = delivery.failure or failures.get(name, "")
    for name in (name for _, _, rule in rules for name in rule.to):
        waiting.setdefault(name, 0)
    channels = [
        ChannelRow(name, _type(installation, name), waiting[name], failures.get(name, "")) for name in sorted(waiting)
    ]
    given_up = [_named(installation, each) for each in alerts.given_up()] if alerts else []
    return AlertsReport([_row(installation, *each) for each in rules], channels, given_up)


def _rules(installation: Installation) -> Iterator[tuple[str, str, AlertRule]]:
    settings = installation.settings
    for each in settings.alerts.rules:
        rule = AlertRule(each.events, each.channels, each.after_s)
        yield "installation", ", ".join(each.dags), rule
    if not installation.has_database:
        return
    for dag in _dags(installation):
        for rule in dag.alerts:
            yield "DAG", dag.dag_id, rule
        for task in dag.tasks:
            for rule in task.alerts:
                yield "task", f"{dag.dag_id}.{task.task_id}", rule


def _dags(installation: Installation) -> Iterator[DagSpec]:
    for version in installation.store.alerts.alerting_versions():
        if (dag := installation.store.versions.spec(version)) is not None:
            yield dag


def _row(installation: Installation, level: str, subject: str, rule: AlertRule) -> RuleRow:
    problems = [channel_problem(name, installation.settings.notifiers) for name in rule.to]
    to = (*rule.to, *(f"{name}()" for name in rule.functions))
    return RuleRow(level, subject, tuple(rule.on), to, rule.after_s, " ".join(filter(None, problems)))


def _spec(installation: Installation, channel: str) -> DagSpec | None:
    """The DAG whose functions a channel calls; None if it has none, or cannot be read."""
    scheme, _, version = channel.partition(":")
    if scheme != CALLBACK:
        return None
    try:
        return installation.store.versions.spec(version)
    except StoreError:
        raise
    except PenstockError:
        return None


def _channel_name(installation: Installation, channel: str) -> str:
    dag = _spec(installation, channel)
    return f"{shown(channel)} of DAG {dag.dag_id}" if dag is not None else shown(channel)


def _named(installation: Installation, given_up: AlertDelivery) -> AlertDelivery:
    """A message that was given up, with names in place of the version of a DAG file."""
    name, dag = _channel_name(installation, given_up.channel), _spec(installation, given_up.channel)
    if dag is not None and (bodies := installation.store.alerts.bodies(given_up.number)):
        functions = Rules().functions(_decode(bodies[0]), dag)
        name = f"{', '.join(f'{each}()' for each in functions) or shown(given_up.channel)} of DAG {dag.dag_id}"
    return msgspec.structs.replace(given_up, channel=name)


def _type(installation: Installation, name: str) -> str:
    if name == _CALLBACKS or name.startswith(f"{_CALLBACKS} "):
        return CALLBACK
    if name.startswith(f"{MAILTO}:"):
        return "smtp"
    chosen = installation.settings.notifiers.get(name)
    return chosen.type if chosen else "none"
