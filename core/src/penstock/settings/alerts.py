"""``[alerts]`` and ``[notifiers]``: who is told of what in the whole installation, and the channels that it goes to."""

import re
from collections.abc import Collection, Iterator
from typing import Annotated, Any

import msgspec

from penstock.decoders import convert
from penstock.errors import RequestError
from penstock.model.dag import MAILTO
from penstock.model.names import channel_problem
from penstock.model.state import AlertEvent
from penstock.model.values.wrong_value import wrong_value
from penstock.settings.numbers import Count, LongSeconds, Seconds, SecondsOrZero

SMTP = "smtp"
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_CAPABILITY = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")


class InstallationRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule of ``[[alerts.rules]]``.

    Attributes:
        on: The event, or several.
        to: The name of a channel of ``[notifiers]``, or ``mailto:`` and an address, or several.
        dags: Only for DAGs whose ids match one of these patterns, with ``*`` and ``?``; for events of DAG runs and tasks.
        after_s: Seconds for the events that are about time.
    """

    on: AlertEvent | tuple[AlertEvent, ...]
    to: str | tuple[str, ...]
    dags: tuple[str, ...] = ("*",)
    after_s: LongSeconds | None = None

    @property
    def events(self) -> tuple[AlertEvent, ...]:
        """The events."""
        return (self.on,) if isinstance(self.on, AlertEvent) else self.on

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels."""
        return (self.to,) if isinstance(self.to, str) else self.to


class AlertSettings(msgspec.Struct, frozen=True):
    """``[alerts]``: who is told of what, in the whole installation; DAGs and tasks may have rules of their own.

    Attributes:
        rules: The rules, each a table ``[[alerts.rules]]`` with ``on``, ``to``, ``dags`` and ``after_s``.
        window_s: Seconds for which a channel gathers alerts, from the first on, before it is sent anything.
        singly: Up to so many gathered alerts are sent one by one; more of them become one digest.
        expire_s: Seconds after which an alert that cannot be delivered is given up.
        timeout_s: Seconds that a notifier or a callback may take for one alert; then its process is ended.
        log_lines: Last lines of a failed task's log that an alert shows.
        base_url: Address of a page about runs, which alerts link to with ``/dags/DAG/runs/RUN/tasks/TASK`` behind it; without
            one they name the command that shows the log.
    """

    rules: tuple[InstallationRule, ...] = ()
    window_s: SecondsOrZero = 10.0
    singly: Count = 5
    expire_s: LongSeconds = 86400.0
    timeout_s: Seconds = 30.0
    log_lines: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 20
    base_url: str = ""


def rule_problems(rules: tuple[InstallationRule, ...], known: Collection[str]) -> Iterator[str]:
    """Check rules that belong together; a sentence for each fault.

    Args:
        rules: The rules, in their order.
        known: Names of the channels.
    """
    for number, rule in enumerate(rules, 1):
        for fault in (
            "" if rule.events else "`on` names no event.",
            "" if rule.channels else "`to` names no channel.",
            *(channel_problem(channel, known) for channel in rule.channels),
            *(f"{event.value} needs after_s." for event in rule.events if event.needs_time and rule.after_s is None),
        ):
            if fault:
                yield f"rule {number}: {fault}"


class SmtpOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of a channel of type ``smtp``.

    Attributes:
        to: Receivers of its mails.
        conn_id: Connection of type ``smtp``.
        from_email: The sender; that of the connection unless given.
    """

    to: str | tuple[str, ...]
    conn_id: str = "smtp_default"
    from_email: str = ""


class NotifierChoice(msgspec.Struct, frozen=True):
    """``[notifiers]``: a channel by its name, as ``NAME = "TYPE"`` or as a table with ``type`` and its options.

    Attributes:
        type: ``smtp``, or the capability id of a provider's notifier, such as ``slack.notifier``.
        options: What the notifier is made with; for ``smtp`` ``to``, ``conn_id`` and ``from_email``.
    """

    type: str
    options: dict[str, Any] = {}

    @property
    def provided(self) -> bool:
        """Whether a provider brings it; otherwise the core does."""
        return self.type != SMTP


def read_notifier(name: str, value: object) -> NotifierChoice:
    """Read one entry of ``[notifiers]``; raises RequestError with what is wrong with it."""
    if not _NAME.fullmatch(name) or name == MAILTO:
        raise RequestError(
            f"notifier {name!r}: a name has lower-case letters, digits, - and _, begins with a letter, and is not {MAILTO}."
        )
    table = {"type": value} if isinstance(value, str) else value
    if not isinstance(table, dict) or not isinstance(table.get("type"), str):
        raise RequestError(
            f'notifier {name!r}: write {name} = "ID" with the id of an installed notifier, or a table with a `type`.'
        )
    chosen = NotifierChoice(table["type"], {key: inner for key, inner in table.items() if key != "type"})
    if not chosen.provided:
        try:
            convert(chosen.options, SmtpOptions)
        except msgspec.ValidationError as error:
            raise RequestError(f"notifier {name!r}: {wrong_value(error, SmtpOptions)}") from None
    elif not _CAPABILITY.fullmatch(chosen.type):
        raise RequestError(
            f'notifier {name!r}: type {chosen.type!r} is neither "smtp" nor an id such as slack.notifier.'
        )
    return chosen
