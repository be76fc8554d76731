"""Alerts: who is told of what happens to a DAG or a task, as the author wrote it, and what is wrong with that."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from operator import attrgetter
from typing import Any, NamedTuple

from penstock.author.construct.checked import Checked
from penstock.author.construct.task_rules import duration_problems, seconds
from penstock.errors import did_you_mean
from penstock.model.dag import MAILTO
from penstock.model.state import AlertEvent

Callback = Callable[..., Any] | Sequence[Callable[..., Any]] | None
"""Functions that are called with a context; one, or several."""

# By the argument, the event of a task and of a DAG's runs at which its functions are called; "" where Airflow has none.
CALLBACKS: Mapping[str, tuple[str, str]] = {
    "on_execute_callback": ("task_started", ""),
    "on_failure_callback": ("task_failed", "run_failed"),
    "on_retry_callback": ("task_retried", ""),
    "on_skipped_callback": ("task_skipped", ""),
    "on_success_callback": ("task_succeeded", "run_succeeded"),
}


SLA = "sla"
"""The argument that is a deadline of a task, told to its ``email``."""


_EMPTY: tuple[()] = ()
_of_task = attrgetter(SLA, "email", "alerts", *CALLBACKS)


class Alert(Checked):
    """Who is told of what: an element of the ``alerts`` of a DAG or a task. Those of a DAG hold for each of its tasks, too.

    Args:
        on: An event or a list of events, such as ``"run_failed"``; names are in docs/how-to/alerts.md.
        to: Channels of ``[notifiers]`` in ``penstock.toml`` by name, ``mailto:`` addresses, functions that are called with a
            context; one of them or a list.
        after: For ``run_slow`` and ``task_slow``, how long it may take (timedelta or seconds; as long as is usual for it
            unless given); for ``missed_start``, ``missed_deadline`` and ``task_missed_deadline``, how long after the run fell due.
    """

    def __init__(self, on: Any, to: Any, *, after: timedelta | float | None = None) -> None:  # noqa: ANN401 - checked when the DAG is built
        self.on, self.to, self.after = on, to, after

    def _fallback(self, arguments: dict[str, Any]) -> None:
        self.on, self.to, self.after = arguments.get("on", []), arguments.get("to", []), None


class WrittenRule(NamedTuple):
    """One alert as it was written.

    Attributes:
        name: Where it stands: ``on_failure_callback``, or ``alerts.2`` for the third of the alerts.
        on: Names of the events.
        to: Channels and functions.
    """

    name: str
    on: list[Any]
    to: list[Any]
    after: timedelta | float | None = None

    @property
    def after_s(self) -> float | None:
        """Seconds for the events that are about time."""
        return None if self.after is None else seconds(self.after)

    @property
    def channels(self) -> list[str]:
        """Those that are told and are no function."""
        return [each for each in self.to if isinstance(each, str)]

    @property
    def functions(self) -> list[Callable[..., Any]]:
        """The functions that are called."""
        return [each for each in self.to if callable(each)]


def written_rules(owner: Any) -> list[WrittenRule]:  # noqa: ANN401 - a DAG or a task
    """List the alerts of a DAG or a task, those that Airflow's arguments stand for included.

    Args:
        owner: A DAG, or a task, which has an attribute ``task_id``.
    """
    of_task = hasattr(owner, "task_id")
    if of_task and all(each is None or each is _EMPTY for each in _of_task(owner)):
        return []  # as for most tasks
    found = [
        WrittenRule(name, [event], functions)
        for name, (of_a_task, of_a_run) in CALLBACKS.items()
        if (event := of_a_task if of_task else of_a_run) and (functions := _list(getattr(owner, name, None)))
    ]
    if of_task and (addresses := _addresses(owner.email)):
        flags = {"task_failed": owner.email_on_failure, "task_retried": owner.email_on_retry}
        if wanted := [event for event, flag in flags.items() if flag]:
            found.append(WrittenRule("email", wanted, [f"{MAILTO}:{each}" for each in addresses]))
    if of_task and owner.sla is not None:
        addresses = [f"{MAILTO}:{each}" for each in _addresses(owner.email)]
        found.append(WrittenRule(SLA, [AlertEvent.TASK_MISSED_DEADLINE.value], addresses, owner.sla))
    for number, each in enumerate(_list(owner.alerts)):
        if isinstance(each, Alert):
            found.append(WrittenRule(f"alerts.{number}", _list(each.on), _list(each.to), each.after))
    return found


def alert_problems(owner: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - as above
    """Check the alerts of a DAG or a task; the argument and a sentence for each fault."""
    for number, each in enumerate(_list(owner.alerts)):
        if not isinstance(each, Alert):
            yield "alerts", f"alerts[{number}] is {each!r:.200}; write Alert('task_failed', to='ops')."
    for rule in written_rules(owner):
        name, _, index = rule.name.partition(".")
        called = f"{name}[{index}]" if index else name
        yield from ((name, f"{called}: {fault}") for fault in _faults(rule, of_task=hasattr(owner, "task_id")))


def _faults(rule: WrittenRule, *, of_task: bool) -> Iterator[str]:
    if not rule.on:
        yield "`on` names no event."
    for event in rule.on:
        yield from _event_faults(event, rule, of_task=of_task)
    if rule.after is not None:
        yield from duration_problems(rule.after, "it" if rule.name == SLA else "after")
    yield from _receiver_faults(rule)


def _receiver_faults(rule: WrittenRule) -> Iterator[str]:
    if not rule.to and rule.name == SLA:
        yield "nobody is told: the task has no email. Write alerts=[Alert('task_missed_deadline', to=..., after=...)]."
    elif not rule.to:
        yield "`to` names nobody."
    for each in rule.to:
        if rule.name in CALLBACKS and not callable(each):
            yield f"{each!r:.200} is no function."
        elif isinstance(each, str):
            scheme, separator, address = each.partition(":")
            if not each or (separator and (scheme != MAILTO or "@" not in address)):
                yield f"{each!r:.200} is neither the name of a channel nor {MAILTO}:somebody@example.com."
        elif not callable(each):
            yield f"{each!r:.200} is neither text nor a function."


def _event_faults(event: Any, rule: WrittenRule, *, of_task: bool) -> Iterator[str]:  # noqa: ANN401 - what an author wrote
    known = [each.value for each in AlertEvent if not each.of_installation and (each.of_task or not of_task)]
    if event not in known:
        advice = did_you_mean(str(event), known, otherwise=f"Known are: {', '.join(known)}.")
        yield f"{'a task' if of_task else 'a DAG'} has no event {event!r:.200}. {advice}"
    elif AlertEvent(event).needs_time and rule.after is None:
        yield f"{event} needs `after`: how long after the run fell due."


def _list(value: Any) -> list[Any]:  # noqa: ANN401 - what an author wrote
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple | set | frozenset) else [value]


def _addresses(value: Any) -> list[str]:  # noqa: ANN401 - as above
    """Split addresses as Airflow does: a list, or text with commas or semicolons."""
    parts = value.replace(";", ",").split(",") if isinstance(value, str) else _list(value)
    return [str(part).strip() for part in parts if str(part).strip()]
