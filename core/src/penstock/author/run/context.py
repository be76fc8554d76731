"""The context of a running task: the names that templates and functions may use, with Airflow's meanings.

Every name is worked out when it is asked for. A run without a logical date (one asked for by hand or by another DAG
without a date) has no ``ds`` and its kin; asking for one is an error that says so, all else works.
"""

import copy
import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from penstock.author.run.asset_events import OutletEvents, inlet_events, triggering_events
from penstock.author.run.dag_run import RuntimeDagRun
from penstock.author.run.kept_state import AssetStates, KeptState
from penstock.author.run.task_checkpoints import TaskCheckpoints
from penstock.author.run.task_instance import RuntimeTaskInstance
from penstock.author.runtime import Runtime
from penstock.author.timetable.timetables import schedule_of
from penstock.errors import NotFoundError, RequestError

if TYPE_CHECKING:
    from penstock.author.abstract_operator import AbstractOperator
    from penstock.author.dag import DAG
    from penstock.model.attempt import TryFacts, TryInputs
    from penstock.model.schedule import DataInterval


class NoLogicalDateError(RequestError, KeyError):
    """A name was asked for that only a run with a logical date has."""

    __str__ = Exception.__str__


class Context(Mapping[str, Any]):
    """The names of one try; a mapping whose values are worked out on demand.

    Attributes:
        was_read: Whether a name was asked for since this was last set to False: what a poke found after reading its
            context holds for its own task only.
        pushed: Values that the task left under keys of its own.
        rendered: The task's fields that held templates, as text.
        map_key: What its ``map_index_template`` had become so far.
        render: Renders the templates in a value on behalf of a task; set by what runs the try.
        begun_steps: The steps that it has begun, by the keys of their checkpoints; of a sensor, those of this poke.
    """

    def __init__(
        self, facts: "TryFacts", inputs: "TryInputs", runtime: Runtime, task: "AbstractOperator | None" = None
    ) -> None:
        self.facts, self.inputs, self.runtime, self.task = facts, inputs, runtime, task
        self.was_read = False
        self.pushed: dict[str, Any] = {}
        self.begun_steps: dict[str, object] = {}
        self.rendered: dict[str, str] = {}
        self.render: Callable[[Any, AbstractOperator], Any] = _render_nothing
        self.map_key = ""
        self._found: dict[str, Any] = {}
        self._own: set[str] = set()

    @property
    def dag(self) -> "DAG | None":
        """The DAG's object; None in a process that did not import its file."""
        return self.task.dag if self.task is not None else None

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - any value
        self.was_read = True
        if name not in self._found:
            macros = self.dag.user_defined_macros if self.dag is not None else {}
            if name in macros:
                self._found[name] = macros[name]
            elif name in NAMES:
                self._found[name] = NAMES[name](self)
            else:
                raise KeyError(name)
        return self._found[name]

    def __setitem__(self, name: str, value: Any) -> None:  # noqa: ANN401 - any value
        """Set a name of the task's own, which templates that are rendered after this find.

        Raises:
            RequestError: The context has that name already.
        """
        if name in NAMES:
            raise RequestError(
                f"context[{name!r}] says what is known of the run, and is not to be set. Choose another name."
            )
        self._own.add(name)
        self._found[name] = value

    def __contains__(self, name: object) -> bool:
        return name in NAMES or name in self._own or (self.dag is not None and name in self.dag.user_defined_macros)

    def __iter__(self) -> Iterator[str]:
        return iter(self.available())

    def __len__(self) -> int:
        return len(self.available())

    def available(self) -> list[str]:
        """List the names that have a value in this run."""
        own = self.dag.user_defined_macros if self.dag is not None else {}
        hidden: Mapping[str, Any] = {}
        if self.facts.logical_date is None:
            hidden = DATED
        elif self.dag is None or self.dag.schedule in (None, "@once"):
            hidden = ADJACENT
        return [name for name in {**NAMES, **own, **dict.fromkeys(self._own)} if name not in hidden]

    def outlet_extras(self) -> dict[str, dict[str, Any]]:
        """What the events of the task's outlets carry; nothing if it never asked for them."""
        found = self._found.get("outlet_events")
        return found.extras() if isinstance(found, OutletEvents) else {}

    def resolved_aliases(self) -> dict[str, dict[str, dict[str, Any]]]:
        """The assets that aliases among the task's outlets stood for; nothing if it never asked for them."""
        found = self._found.get("outlet_events")
        return found.resolved() if isinstance(found, OutletEvents) else {}

    def logical_date(self, name: str) -> datetime:
        """Return the logical date on behalf of a name.

        Raises:
            NoLogicalDateError: The run has none.
        """
        if self.facts.logical_date is None:
            raise NoLogicalDateError(
                f"{name!r} needs a logical date, and run {self.facts.run_id!r} has none. "
                "Trigger the run with a logical date, or use dag_run.start_date, params or run_id instead."
            )
        return self.facts.logical_date


def _render_nothing(_value: object, task: object) -> Any:  # noqa: ANN401 - never returns
    raise RequestError(f"{task} renders templates while it is tried alone.")


class _AttributeLookup:
    """An object whose attributes are looked up: ``var.value.x``, ``conn.x``."""

    def __init__(self, find: Callable[[str], Any]) -> None:
        self._find = find

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever is found
        if name.startswith("__"):
            raise AttributeError(name)
        return self._find(name)

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - whatever is found
        """Look a name up that is no identifier; a default if there is none."""
        try:
            return self._find(name)
        except NotFoundError:
            return default


class _Macros:
    """``macros``: functions for templates."""

    datetime, timedelta, time, json, uuid = datetime, timedelta, time, json, uuid

    @staticmethod
    def ds_format_locale(*_: object) -> str:
        """Refuse: what a template gives must not depend on the languages of a machine; raises RequestError."""
        raise RequestError(
            "macros.ds_format_locale is not there: use macros.ds_format, or a function of the DAG's own."
        )

    @staticmethod
    def ds_add(ds: str, days: int) -> str:
        """A day later or earlier by so many days, ``YYYY-MM-DD`` in and out."""
        return (date.fromisoformat(ds) + timedelta(days=days)).isoformat()

    @staticmethod
    def ds_format(ds: str, input_format: str, output_format: str) -> str:
        """A date read by one `strptime` format and written by another."""
        return datetime.strptime(str(ds), input_format).strftime(output_format)  # noqa: DTZ007 - only rewritten


current_context: ContextVar[Context | None] = ContextVar("penstock_context", default=None)


def get_current_context() -> Context:
    """Return the context of the task that runs.

    Raises:
        penstock.errors.RequestError: No task runs.
    """
    found = current_context.get()
    if found is None:
        raise RequestError("get_current_context() was called outside of a running task.")
    return found


def _variables(context: Context) -> SimpleNamespace:  # noqa: ARG001 - every name has this shape
    from penstock.author.config import Variable  # noqa: PLC0415 - only templates with `var` need it

    return SimpleNamespace(
        value=_AttributeLookup(Variable.get),
        json=_AttributeLookup(lambda key: Variable.get(key, deserialize_json=True)),
    )


def _params(context: Context) -> Any:  # noqa: ANN401 - a dict
    """The params as values of their own for this try, so that none sees what another did to them."""
    from penstock.model.values.value import from_plain  # noqa: PLC0415 - only a try that asks for them needs msgspec

    return from_plain(context.facts.params)


def _dag(context: Context) -> Any:  # noqa: ANN401 - the DAG, or what is known of it
    return context.dag or SimpleNamespace(dag_id=context.facts.dag_id)


def _instance_key(context: Context) -> str:
    facts = context.facts
    when = facts.logical_date.strftime("%Y%m%d") if facts.logical_date else facts.run_id
    return f"{facts.dag_id}__{facts.task_id}__{when}"


def _interval_bound(name: str, get: "Callable[[TryFacts], datetime | None]") -> Callable[[Context], datetime]:
    def bound(context: Context) -> datetime:
        return get(context.facts) or context.logical_date(name)

    return bound


def _adjacent_interval(name: str, step: int) -> Callable[[Context], "DataInterval"]:
    """Find the data interval before or after this run's, by the DAG's schedule."""

    def neighbour(context: Context) -> "DataInterval":
        start, dag = context.logical_date(name), context.dag
        schedule, anchor = schedule_of(dag) if dag is not None else (None, None)
        if schedule is not None:
            tick = schedule.tick_before(start, anchor) if step < 0 else schedule.tick_after(start, anchor)
            interval = schedule.interval_from(tick, anchor) if tick is not None else None
            if interval is not None:
                return interval
        raise RequestError(f"{name!r} needs a schedule, and DAG {context.facts.dag_id!r} has no tick there.")

    return neighbour


def _dated(name: str, write: Callable[[datetime], Any]) -> Callable[[Context], Any]:
    return lambda context: write(context.logical_date(name))


def _adjacent(name: str, step: int, write: Callable[["DataInterval"], Any]) -> Callable[[Context], Any]:
    find = _adjacent_interval(name, step)
    return lambda context: write(find(context))


def day(moment: datetime) -> str:
    """Format an instant as ``YYYY-MM-DD``."""
    return moment.strftime("%Y-%m-%d")


def day_nodash(moment: datetime) -> str:
    """Format an instant as ``YYYYMMDD``."""
    return moment.strftime("%Y%m%d")


def stamp(moment: datetime) -> str:
    """Format an instant by ISO 8601."""
    return moment.isoformat()


def stamp_nodash(moment: datetime) -> str:
    """Format an instant as ``YYYYMMDDTHHMMSS``."""
    return moment.strftime("%Y%m%dT%H%M%S")


def stamp_nodash_with_tz(moment: datetime) -> str:
    """Format an instant as ``YYYYMMDDTHHMMSS+0000``."""
    return moment.strftime("%Y%m%dT%H%M%S%z")


ADJACENT: dict[str, Callable[[Context], Any]] = {
    "prev_data_interval_start": _adjacent("prev_data_interval_start", -1, lambda interval: interval.start),
    "prev_data_interval_end": _adjacent("prev_data_interval_end", -1, lambda interval: interval.end),
    "prev_logical_date": _adjacent("prev_logical_date", -1, lambda interval: interval.start),
    "prev_ds": _adjacent("prev_ds", -1, lambda interval: day(interval.start)),
    "prev_ds_nodash": _adjacent("prev_ds_nodash", -1, lambda interval: day_nodash(interval.start)),
    "next_logical_date": _adjacent("next_logical_date", 1, lambda interval: interval.start),
    "next_ds": _adjacent("next_ds", 1, lambda interval: day(interval.start)),
    "next_ds_nodash": _adjacent("next_ds_nodash", 1, lambda interval: day_nodash(interval.start)),
}

DATED: dict[str, Callable[[Context], Any]] = {
    "logical_date": _dated("logical_date", lambda moment: moment),
    "data_interval_start": _interval_bound("data_interval_start", lambda facts: facts.interval_start),
    "data_interval_end": _interval_bound("data_interval_end", lambda facts: facts.interval_end),
    "ds": _dated("ds", day),
    "ds_nodash": _dated("ds_nodash", day_nodash),
    "ts": _dated("ts", stamp),
    "ts_nodash": _dated("ts_nodash", stamp_nodash),
    "ts_nodash_with_tz": _dated("ts_nodash_with_tz", stamp_nodash_with_tz),
    "yesterday_ds": _dated("yesterday_ds", lambda moment: day(moment - timedelta(days=1))),
    "tomorrow_ds": _dated("tomorrow_ds", lambda moment: day(moment + timedelta(days=1))),
    **ADJACENT,
}

NAMES: dict[str, Callable[[Context], Any]] = {
    **DATED,
    "params": _params,
    "conf": lambda context: copy.deepcopy(context.facts.conf),
    "var": _variables,
    "conn": lambda context: _AttributeLookup(context.runtime.connection),
    "dag": _dag,
    "task": lambda context: context.task,
    "ti": RuntimeTaskInstance,
    "checkpoints": TaskCheckpoints,
    "task_state": KeptState,
    "asset_state": AssetStates,
    "asset_state_store": lambda context: context["asset_state"],  # Airflow's name
    "task_state_store": lambda context: context["checkpoints"],  # Airflow's name
    "task_instance": lambda context: context["ti"],
    "run_id": lambda context: context.facts.run_id,
    "dag_run": RuntimeDagRun,
    "triggering_asset_events": triggering_events,
    "triggering_dataset_events": lambda context: context["triggering_asset_events"],  # Airflow's older name
    "inlet_events": inlet_events,
    "outlet_events": OutletEvents,
    "inlets": lambda context: list(getattr(context.task, "inlets", ())),
    "outlets": lambda context: list(getattr(context.task, "outlets", ())),
    "macros": lambda context: _Macros,  # noqa: ARG005 - every name has this shape
    "task_instance_key_str": _instance_key,
    "map_index": lambda context: context.facts.map_index,
    "try_number": lambda context: context.facts.try_number,
}
FILTERS: dict[str, Callable[[datetime], str]] = {
    "ds": day,
    "ds_nodash": day_nodash,
    "ts": stamp,
    "ts_nodash": stamp_nodash,
    "ts_nodash_with_tz": stamp_nodash_with_tz,
}
