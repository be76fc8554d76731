"""Operations on alerts: list who is told of what and how it fares."""

from collections.abc import Collection, Iterator
from typing import NamedTuple

import msgspec

from penstock.alerts.occurrence import Occurrence
from penstock.alerts.rules import CALLBACK, Rules
from penstock.decoders import json_decoder
from penstock.errors import PenstockError, StoreError
from penstock.model.access.permission import Permission
from penstock.model.dag import MAILTO, AlertRule, DagSpec
from penstock.model.names import channel_problem
from penstock.notify.alerts.channels import shown
from penstock.service.installation import Installation
from penstock.service.operations.operation import operation
from penstock.service.operations.page import Page, PagedList, PageSize
from penstock.store import KEPT, AlertDelivery

_CALLBACKS = shown(f"{CALLBACK}:")

_RULES = PagedList("alert rules", tuple[str, str, int])

_decode = json_decoder(Occurrence).decode


class RuleRow(msgspec.Struct, frozen=True):
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


class ChannelRow(msgspec.Struct, frozen=True):
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


class AlertsPage(Page[RuleRow], frozen=True):
    """A page of rules, and how it fares.

    Attributes:
        channels: All channels that the settings name, and those of rules of DAGs that may be seen.
        given_up: The newest messages that will not be delivered, for whoever may see all DAGs; the channel of one for
            functions is their name.
    """

    channels: list[ChannelRow]
    given_up: list[AlertDelivery]


class _Rule(NamedTuple):
    dag_id: str
    task_id: str
    number: int
    rule: AlertRule
    dags: str = ""

    @property
    def key(self) -> tuple[str, str, int]:
        return (self.dag_id, self.task_id, self.number)

    @property
    def level(self) -> str:
        return "task" if self.task_id else "DAG" if self.dag_id else "installation"

    @property
    def subject(self) -> str:
        return f"{self.dag_id}.{self.task_id}" if self.task_id else self.dag_id or self.dags


@operation("GET", "/alerts", needs=Permission.INSTALLATION_READ)
def list_alerts(installation: Installation, *, limit: PageSize = 100, after: str = "") -> AlertsPage:
    """List a page of the rules by which alerts are sent, those of the installation first, with all channels.

    Raises:
        PageError: No page ended with ``after``.
        StoreError: The database failed.
    """
    begin, rules = _RULES.key(after), list(_rules(installation))
    behind = [each for each in rules if begin is None or each.key > begin]
    items, end = _RULES.cut(behind, limit, lambda each: each.key)
    channels, given_up = _channels(installation, [each.rule for each in rules]), list[AlertDelivery]()
    if installation.has_database and installation.seen_dags() is None:
        given_up = [_named(installation, each) for each in installation.store.alerts.given_up()]
    return AlertsPage(
        items=[_row(installation, each) for each in items], next=end, channels=channels, given_up=given_up
    )


def _channels(installation: Installation, rules: list[AlertRule]) -> list[ChannelRow]:
    """The channels by name: of what waits for others than the settings and these rules name, nothing if DAGs may not be seen."""
    alerts = installation.store.alerts if installation.has_database else None
    seen = installation.seen_dags() if alerts else None
    waiting = dict.fromkeys([*installation.settings.notifiers, *(name for rule in rules for name in rule.to)], 0)
    failures: dict[str, str] = {}
    for each in alerts.waiting() if alerts else ():
        if not (name := _seen_name(installation, each.channel, seen, waiting)):
            continue
        waiting[name] = waiting.get(name, 0) + each.alerts
        if each.alerts >= KEPT:
            failures[name] = f"{KEPT:,} alerts wait, which is all that is kept: what comes now is dropped"
    for delivery in alerts.open() if alerts else ():
        if not (name := _seen_name(installation, delivery.channel, seen, waiting)):
            continue
        waiting[name] = waiting.get(name, 0) + 1
        failures[name] = delivery.failure or failures.get(name, "")
    return [
        ChannelRow(name, _type(installation, name), waiting[name], failures.get(name, "")) for name in sorted(waiting)
    ]


def _rules(installation: Installation) -> Iterator[_Rule]:
    """Those of the installation, and of the DAGs that may be seen by id, each DAG's own before those of its tasks."""
    for number, each in enumerate(installation.settings.alerts.rules):
        yield _Rule("", "", number, AlertRule(each.events, each.channels, each.after_s), ", ".join(each.dags))
    if not installation.has_database:
        return
    for dag in _dags(installation):
        if not installation.sees(dag.dag_id, dag.tags):
            continue
        for number, rule in enumerate(dag.alerts):
            yield _Rule(dag.dag_id, "", number, rule)
        for task in sorted(dag.tasks, key=lambda task: task.task_id):
            for number, rule in enumerate(task.alerts):
                yield _Rule(dag.dag_id, task.task_id, number, rule)


def _dags(installation: Installation) -> Iterator[DagSpec]:
    for version in installation.store.alerts.alerting_versions():
        if (dag := installation.store.versions.spec(version)) is not None:
            yield dag


def _row(installation: Installation, found: _Rule) -> RuleRow:
    rule = found.rule
    problems = [channel_problem(name, installation.settings.notifiers) for name in rule.to]
    to = (*rule.to, *(f"{name}()" for name in rule.functions))
    return RuleRow(found.level, found.subject, tuple(rule.on), to, rule.after_s, " ".join(filter(None, problems)))


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


def _seen_name(installation: Installation, channel: str, seen: list[str] | None, named: Collection[str]) -> str:
    """What a channel is called; "" if neither settings nor rules that are seen name it, nor a DAG that is seen has its functions."""
    dag = _spec(installation, channel) if seen is not None else None
    hidden = seen is not None and shown(channel) not in named and (dag is None or dag.dag_id not in seen)
    return "" if hidden else _channel_name(installation, channel)


def _is_callback(name: str) -> bool:
    return name == _CALLBACKS or name.startswith(f"{_CALLBACKS} ")


def _named(installation: Installation, given_up: AlertDelivery) -> AlertDelivery:
    """A message that was given up, with names in place of the version of a DAG file."""
    name, dag = _channel_name(installation, given_up.channel), _spec(installation, given_up.channel)
    if dag is not None and (bodies := installation.store.alerts.bodies(given_up.number)):
        functions = Rules().functions(_decode(bodies[0]), dag)
        name = f"{', '.join(f'{each}()' for each in functions) or shown(given_up.channel)} of DAG {dag.dag_id}"
    return msgspec.structs.replace(given_up, channel=name)


def _type(installation: Installation, name: str) -> str:
    if _is_callback(name):
        return CALLBACK
    if name.startswith(f"{MAILTO}:"):
        return "smtp"
    chosen = installation.settings.notifiers.get(name)
    return chosen.type if chosen else "none"
