"""Which rules hold for what happened, and to which channels it goes by them."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from penstock.alerts.occurrence import Occurrence
from penstock.model.dag import AlertRule, DagSpec
from penstock.model.state import AlertEvent

CALLBACK = "callback"
"""Begins the name of the channel that calls the functions of one version of a DAG file."""


class SiteRule(NamedTuple):
    """A rule of the installation, with the patterns of the ids of those DAGs that it is for."""

    rule: AlertRule
    dags: tuple[str, ...] = ("*",)


class Target(NamedTuple):
    """One who is told: a channel; for functions of a DAG file, with their name."""

    channel: str
    callback: str = ""


class Rules:
    """The rules of the installation, and those that a DAG brings along.

    Args:
        site: The rules of the installation.
    """

    def __init__(self, site: Sequence[SiteRule] = ()) -> None:
        self._site = site

    def asks_for(self, *events: AlertEvent) -> bool:
        """Whether a rule of the installation is for any of these events."""
        return any(event in each.rule.on for each in self._site for event in events)

    def of(self, event: AlertEvent, dag_id: str, dag: DagSpec | None, task_id: str = "") -> Iterator[AlertRule]:
        """The rules for an event.

        Args:
            event: The event.
            dag_id: The DAG that it is about; "" if none.
            dag: That DAG as the run is pinned to it; None if it is not known.
            task_id: The task that it is about; "" if none.
        """
        return (rule for _, rule in self._of(event, dag_id, dag, task_id))

    def functions(self, happened: Occurrence, dag: DagSpec) -> tuple[str, ...]:
        """What the functions are called that a callback of an occurrence stands for."""
        for owner, rule in self._of(happened.event, happened.dag_id, dag, happened.task_id):
            if rule.callback and f"{owner}.{rule.callback}" == happened.callback:
                return rule.functions
        return ()

    def targets(self, happened: Occurrence, dag: DagSpec | None) -> list[Target]:
        """Who is told of what happened, each once."""
        found: dict[Target, None] = {}
        for owner, rule in self._of(happened.event, happened.dag_id, dag, happened.task_id):
            if happened.event.timed and rule.after_s != happened.after_s:
                continue
            found |= dict.fromkeys(map(Target, rule.to))
            if rule.callback:
                found[Target(f"{CALLBACK}:{happened.version}", f"{owner}.{rule.callback}")] = None
        return list(found)

    def _of(self, event: AlertEvent, dag_id: str, dag: DagSpec | None, task_id: str) -> Iterator[tuple[str, AlertRule]]:
        """The rules for an event, each with what it belongs to."""
        for each in self._site:
            if event in each.rule.on and (event.of_installation or any(fnmatchcase(dag_id, p) for p in each.dags)):
                yield "site", each.rule
        if dag is not None:
            yield from (("dag", rule) for rule in dag.alerts if event in rule.on)
            if task_id:
                yield from (("task", rule) for rule in _task_rules(dag, task_id) if event in rule.on)


def _task_rules(dag: DagSpec, task_id: str) -> tuple[AlertRule, ...]:
    try:
        return dag.task(task_id).alerts
    except KeyError:
        return ()
