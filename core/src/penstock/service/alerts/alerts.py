"""Operations on alerts: list who is told of what and how it fares, and send a test to a channel."""

from collections.abc import Iterator
from typing import NamedTuple

from penstock.alerts.rules import CALLBACK
from penstock.author.run.coroutines import completed
from penstock.author.runtime import BaseRuntime, current
from penstock.errors import ConfigError, PenstockError, PluginError
from penstock.model.connection import Connection
from penstock.model.dag import MAILTO, AlertRule, DagSpec
from penstock.model.names import channel_problem, error_sentence
from penstock.model.text import shortened
from penstock.notify.alerts.channels import shown
from penstock.processes.masking import Mask
from penstock.service.alerts.notifiers import notifier_of
from penstock.service.installation import Installation
from penstock.spec.notifier import AlertMessage
from penstock.store import KEPT, AlertDelivery

_LONGEST = 2_000


class RuleRow(NamedTuple):
    """One rule.

    Attributes:
        level: ``installation``, ``DAG`` or ``task``.
        subject: The DAG or task; of the installation, the patterns of DAG ids.
        on: The events.
        to: The channels; ``callbacks`` for functions of the DAG file.
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
        given_up: The newest messages that will not be delivered.
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
        waiting[shown(each.channel)] = waiting.get(shown(each.channel), 0) + each.alerts
        if each.alerts >= KEPT:
            failures[shown(each.channel)] = (
                f"{KEPT:,} alerts wait, which is all that is kept: what comes now is dropped"
            )
    for delivery in alerts.open() if alerts else ():
        name = shown(delivery.channel)
        waiting[name] = waiting.get(name, 0) + 1
        failures[name] = delivery.failure or failures.get(name, "")
    for rule in rules:
        for name in rule.to:
            waiting.setdefault(name, 0)
    channels = [
        ChannelRow(name, _type(installation, name), waiting[name], failures.get(name, "")) for name in sorted(waiting)
    ]
    return AlertsReport(rules, channels, alerts.given_up() if alerts else [])


def send_test(installation: Installation, channel: str) -> None:
    """Send a test message to a channel, from this process, and wait until it is taken.

    Raises:
        ConfigError: There is no such channel.
        PluginError: It cannot be sent; secrets are hidden in the message.
        PenstockError: The channel cannot be made.
    """
    if problem := channel_problem(channel, installation.settings.notifiers):
        raise ConfigError(problem)
    scheme, separator, address = channel.partition(":")
    runtime = _TestRuntime(installation)
    message = AlertMessage(
        key=f"test|{installation.now().isoformat()}",
        title="A test from Penstock",
        text="This is a test of an alert channel: `penstock alerts test`. Nothing has happened.\n",
        at=installation.now(),
        event="test",
        to=address if separator else "",
    )
    token = current.set(runtime)
    try:
        notifier = notifier_of(installation.settings, scheme if separator else channel, installation.host)
        completed(notifier.send(message))  # type: ignore[func-returns-value]  # it may be async
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a provider's code: what it raised is the result of the test
        sentence = str(error) if isinstance(error, PenstockError) else error_sentence(error)
        raise PluginError(f"channel {channel!r}: {shortened(runtime.mask.hide(sentence), _LONGEST)}") from None
    finally:
        current.reset(token)


class _TestRuntime(BaseRuntime):
    """The runtime of a notifier that is tested: connections and Variables, whose secrets are remembered."""

    def __init__(self, installation: Installation) -> None:
        self._vault = installation.vault
        self.mask = Mask()

    def connection(self, conn_id: str) -> Connection:
        """The connection of this id."""
        found = self._vault.connection(conn_id)
        self.mask.learn(found.secrets)
        return found.value

    def variable(self, key: str) -> str | None:
        """The text of a Variable, or None."""
        found = self._vault.variable(key)
        self.mask.learn(found.secrets)
        return found.value


def _rules(installation: Installation) -> Iterator[RuleRow]:
    settings = installation.settings
    for each in settings.alerts.rules:
        rule = AlertRule(each.events, each.channels, each.after_s)
        yield _row(installation, "installation", ", ".join(each.dags), rule)
    if not installation.has_database:
        return
    for dag in _dags(installation):
        for rule in dag.alerts:
            yield _row(installation, "DAG", dag.dag_id, rule)
        for task in dag.tasks:
            for rule in task.alerts:
                yield _row(installation, "task", f"{dag.dag_id}.{task.task_id}", rule)


def _dags(installation: Installation) -> Iterator[DagSpec]:
    for version in installation.store.alerts.alerting_versions():
        if (dag := installation.store.versions.spec(version)) is not None:
            yield dag


def _row(installation: Installation, level: str, subject: str, rule: AlertRule) -> RuleRow:
    problems = [channel_problem(name, installation.settings.notifiers) for name in rule.to]
    to = (*rule.to, *(["callbacks"] if rule.callback else []))
    return RuleRow(level, subject, tuple(rule.on), to, rule.after_s, " ".join(filter(None, problems)))


def _type(installation: Installation, name: str) -> str:
    if name == "callbacks":
        return CALLBACK
    if name.startswith(f"{MAILTO}:"):
        return "smtp"
    chosen = installation.settings.notifiers.get(name)
    return chosen.type if chosen else "none"
