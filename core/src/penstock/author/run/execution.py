"""One try of a task in this process: inputs in, values and outcome out. No processes, no clock of its own."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

import msgspec
from msgspec.structs import replace

from penstock.author.abstract_operator import OWN_STATE, AbstractOperator
from penstock.author.construct.task_rules import seconds
from penstock.author.fork_guard import in_one_process
from penstock.author.mapping.mapped_group import GroupArgument
from penstock.author.mapping.task import EXPAND_KWARGS, MappedOperator, elements_of
from penstock.author.operator import Operator
from penstock.author.run.asset_events import kept_extras
from penstock.author.run.context import Context, current_context
from penstock.author.run.coroutines import completed
from penstock.author.run.failed import failed
from penstock.author.run.joined import GatheredSequence, element_of, whole_of
from penstock.author.run.stored_plan import StoredTask
from penstock.author.run.templates import render_map_key, render_templates, render_value
from penstock.author.run.values import resolve_value
from penstock.author.runtime import Runtime, current
from penstock.author.sensor import PokeResult, Sensor
from penstock.author.xcom.arg import RETURN_VALUE, XComValue, find_values
from penstock.author.xcom.sequences import LazySequence, as_lists
from penstock.errors import FailTask, RequestError, TaskCancelled, as_sentence
from penstock.model.attempt import MappedElement, TryEnd, TryFacts, TryInputs, Value
from penstock.model.mapped.indexes import element_indexes
from penstock.model.names import error_sentence, xcom_key_problem
from penstock.model.run import UNMAPPED
from penstock.model.state import Outcome
from penstock.model.text import shortened, visible
from penstock.model.values.not_serialisable import NotSerialisableError
from penstock.model.values.value import encode, length

_LONGEST_ARGUMENT = 100
"""Letters of an argument that a sentence shows."""


class Prepared:
    """A try that is ready: its operator with elements, templates and inputs in place.

    Attributes:
        task: The operator.
        context: Its context.
    """

    def __init__(self, task: Operator, context: Context) -> None:
        self.task, self.context = task, context

    def active(self) -> AbstractContextManager[None]:
        """Run code as this try's: `get_current_context`, Variables and connections answer for it."""
        return _active(self.context)

    def poke(self) -> Any:  # noqa: ANN401 - what the sensor's poke returns, an awaitable for an async one
        """Ask the sensor once, within `active`; the answer goes to `poked`, what it raises to `failed`."""
        self.context.was_read = False
        self.context.begun_steps.clear()
        return self.task.poke(self.context)  # type: ignore[attr-defined] # whoever pokes knows that it is a sensor

    def poked(self, answer: Any) -> TryEnd | None:  # noqa: ANN401 - what a poke returned
        """End the try if this answer of a poke says so; None if it goes on waiting."""
        if isinstance(answer, PokeResult):
            return self.succeeded(answer.value) if answer.done else None
        return self.succeeded(None) if answer else None

    @property
    def cleans_up(self) -> bool:
        """Whether the task has something to do when its try is ended from outside."""
        return type(self.task).on_kill is not Operator.on_kill

    def killed(self) -> None:
        """Have the task undo what outlives its try."""
        with self.active():
            self.task.on_kill()

    def timed_out(self, waited_s: float) -> TryEnd:
        """End a try whose time to wait is over."""
        is_job = getattr(self.task, "is_job", False)
        what = "its job had not ended" if is_job else f"the condition did not come true{self._asked()}"
        text = f"{self.task} waited {round(waited_s, 1):g} s and gave up: {what}."
        if getattr(self.task, "soft_fail", False):
            return TryEnd(Outcome.SKIPPED, text)
        return TryEnd(Outcome.FAILED, text, retryable=is_job)

    def _asked(self) -> str:
        """What a sensor was asked to look for, by its rendered arguments; "" if it has none."""
        given = [(name, getattr(self.task, name, None)) for name in self.task.template_fields]
        shown = [f"{name} = {shortened(visible(repr(value)), _LONGEST_ARGUMENT)}" for name, value in given if value]
        return f" ({', '.join(shown)})" if shown else ""

    def failed(self, error: BaseException) -> TryEnd:
        """End a try whose code raised this."""
        policy, facts = self.task.retry_policy, self.context.facts
        if policy is None:
            return failed(error)
        return failed(error, lambda raised: policy.evaluate(raised, facts.try_number, facts.max_tries, self.context))

    def with_rendered(self, end: TryEnd) -> TryEnd:
        """The end with what the templates had become."""
        return replace(end, rendered=self.context.rendered, map_key=self.context.map_key)

    def renamed(self, end: TryEnd) -> TryEnd:
        """The same, after the instance has got its key once more: by now its code has set what it wants in its context."""
        problem = self.find_key()
        if problem and end.outcome is Outcome.SUCCESS:
            self.task.log.warning("It has no new key: %s", problem)
        return self.with_rendered(end)

    def find_key(self) -> str:
        """Give an instance of a mapped task its key, as far as that is known; returns why it cannot be, "" if it can.

        What names work that is done fails none of it.
        """
        template = self.task.map_index_template
        if template is None or self.context.facts.map_index == UNMAPPED:
            return ""
        try:
            with self.active():
                self.context.map_key = render_map_key(template, self.task, self.context) or self.context.map_key
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:  # noqa: BLE001 - a template calls what the author wrote
            return error_sentence(error)
        return ""

    def succeeded(self, value: Any) -> TryEnd:  # noqa: ANN401 - what execute returned
        """End a try whose `execute` returned this value."""
        decides = self.task.decides
        try:
            follow = _answered_ids(self.task, value) if decides == "branch" else None
            extras = kept_extras(self.task, self.context.outlet_extras())
            resolved = {alias: kept_extras(self.task, made) for alias, made in self.context.resolved_aliases().items()}
            values = _xcoms(self.task, self.context, value)
            end = TryEnd(Outcome.SUCCESS, xcoms=values, follow=follow, extras=extras, resolved=resolved)
            if decides == "short_circuit" and not value:
                ignore = getattr(self.task, "ignore_downstream_trigger_rules", True)
                return replace(end, skip_downstream="all" if ignore else "direct")
        except FailTask as error:
            return failed(error)
        return end


@contextmanager
def _active(context: Context) -> Iterator[None]:
    in_runtime, in_context = current.set(context.runtime), current_context.set(context)
    try:
        with in_one_process():
            yield
    finally:
        current_context.reset(in_context)
        current.reset(in_runtime)


def prepare(task: AbstractOperator, facts: TryFacts, inputs: TryInputs, runtime: Runtime) -> Prepared:
    """Put elements, templates and inputs in place.

    Raises:
        RequestError: The task is only a stored plan, and was to be run from its DAG file.
        Exception: Whatever the code of the author or of a provider raises on the way.
    """
    context = Context(facts, inputs, runtime, task)
    context.render = partial(render_value, context)
    with _active(context):
        made = task.instance(_elements(task, context)) if isinstance(task, MappedOperator | StoredTask) else task
        if not isinstance(made, Operator):
            raise RequestError(f"{task} is run from its stored plan alone, and was to be run from its DAG file.")
        context.task = made
        made = render_templates(made, context)
        for name, value in list(vars(made).items()):
            if name not in OWN_STATE and _takes_values(value):
                setattr(made, name, _with_values(value, context, lazy=name in made.lazy_fields))
    context.task = made
    prepared = Prepared(made, context)
    prepared.find_key()
    return prepared


def run_try(
    task: AbstractOperator,
    facts: TryFacts,
    inputs: TryInputs,
    runtime: Runtime,
    *,
    pause: Callable[[float], float] | None = None,
) -> TryEnd:
    """Run one try of a task to its end.

    Args:
        task: The operator, mapped or not, as the DAG file made it or `penstock.author.run.stored_plan.from_plan` did.
        facts: What the try knows.
        inputs: What it takes from other tasks; references in it are followed here.
        runtime: Answers what it asks.
        pause: For a sensor: sleeps so many seconds and returns the seconds since the first poke. Without it a
            sensor that is not done at its first poke is a failure, because sensors wait elsewhere.

    Returns:
        How it ended. Only KeyboardInterrupt and GeneratorExit are raised.
    """
    prepared: Prepared | None = None
    try:
        prepared = prepare(task, facts, inputs, runtime)
        return prepared.renamed(_executed(prepared, pause))
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # noqa: BLE001 - whatever user code raises is the outcome of this try
        return failed(error) if prepared is None else prepared.renamed(prepared.failed(error))


def _executed(prepared: Prepared, pause: Callable[[float], float] | None) -> TryEnd:
    with prepared.active():
        if isinstance(prepared.task, Sensor) and prepared.task.waits:
            return _wait(prepared, prepared.task, pause)
        try:
            prepared.task.pre_execute(prepared.context)
            value = prepared.task.execute(prepared.context)
            prepared.task.post_execute(prepared.context, value)
        except TaskCancelled:
            prepared.task.on_kill()
            raise
    return prepared.succeeded(value)


def _wait(prepared: Prepared, sensor: Sensor, pause: Callable[[float], float] | None) -> TryEnd:
    waited = 0.0
    while True:
        end = prepared.poked(completed(prepared.poke()))
        if end is not None:
            return end
        if pause is None or waited >= seconds(sensor.timeout):
            return prepared.timed_out(waited)
        waited = pause(seconds(sensor.poke_interval))


def _elements(task: MappedOperator | StoredTask, context: Context) -> dict[str, Any]:
    """Find the elements of a mapped task's instance, by argument."""
    if isinstance(task, StoredTask):
        elements = context.inputs.elements
        found = task.literals(elements)
        spread = {n: _decode_value(e.json, context, _label(n)) for n, e in elements.items() if not e.literal}
    else:
        found = {name: _element(task.mapped, name, context) for name in task.literals()}
        spread = {name: _element(task.mapped, name, context) for name in task.sources()}
    if isinstance(found.get(EXPAND_KWARGS), XComValue):
        found[EXPAND_KWARGS] = _as_resolved(_with_values(found[EXPAND_KWARGS], context), whole=True)
    return found | {name: _as_resolved(value, whole=name == EXPAND_KWARGS) for name, value in spread.items()}


def _element(mapped: dict[str, Any], name: str, context: Context) -> Any:  # noqa: ANN401 - any value
    """Find the element that this instance takes of one of the arguments that are mapped together."""
    value, inputs = mapped[name], context.inputs
    if not isinstance(value, XComValue):
        lengths = [_source_length(each, inputs.elements.get(other)) for other, each in mapped.items()]
        indexes = element_indexes(context.facts.map_index, lengths)
        return elements_of(name, value)[indexes[list(mapped).index(name)]]
    element = inputs.elements.get(name)
    if element is None:
        raise FailTask(f"{context.task}: there is no element for the mapped argument {name!r}")
    return element_of(value, element, lambda raw: _decode_value(raw, context, _label(name)))


def _label(name: str) -> str:
    return f"the element of {name!r}"


def _source_length(value: Any, element: MappedElement | None) -> int | None:  # noqa: ANN401 - a literal, or a value of tasks
    if not isinstance(value, XComValue):
        return len(value)
    return None if element is None else element.length


def _group_argument(arg: GroupArgument, context: Context) -> Any:  # noqa: ANN401 - any value
    """Find what an argument of a mapped group's function is for this index."""
    element = _element(arg.group.mapped, arg.source, context)
    if arg.source != EXPAND_KWARGS:
        return element
    if not isinstance(element, dict):
        raise FailTask(f"{arg.group} is mapped over a list of dicts of arguments, and got a {type(element).__name__}")
    if arg.name not in element and not arg.default:
        raise FailTask(f"{arg.group}: there is no {arg.name!r} among the arguments {sorted(map(str, element))}")
    return element[arg.name] if arg.name in element else arg.default[0]


class _ResolvedValue(XComValue):
    """A value of another task that was resolved already; it is left alone until templates are rendered."""

    def __init__(self, value: Any) -> None:  # noqa: ANN401 - any value
        self.value = value

    def __repr__(self) -> str:
        return repr(self.value)


def _as_resolved(value: Any, *, whole: bool) -> Any:  # noqa: ANN401 - any value
    if whole and not isinstance(value, dict):
        raise FailTask(f"expand_kwargs() takes dicts of arguments, and this element is a {type(value).__name__}.")
    return {name: _ResolvedValue(each) for name, each in value.items()} if whole else _ResolvedValue(value)


def _takes_values(value: Any) -> bool:  # noqa: ANN401 - any attribute
    return next(find_values(value), None) is not None


def _decode_value(raw: bytes, context: Context, name: str) -> Any:  # noqa: ANN401 - any value
    return resolve_value(msgspec.json.decode(raw), context.runtime, name)


def _with_values(value: Any, context: Context, *, lazy: bool = False) -> Any:  # noqa: ANN401 - any argument
    """Put values of other tasks in their places; what is read on demand is a list unless it may be ``lazy``."""
    if isinstance(value, _ResolvedValue):
        return value.value
    if isinstance(value, XComValue):
        found = whole_of(value, lambda arg: _left(arg, context))
        return list(found) if isinstance(found, LazySequence) and not lazy else found
    if isinstance(value, dict):
        return {key: _with_values(each, context, lazy=lazy) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        parts = [_with_values(each, context, lazy=lazy) for each in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return value


def _left(arg: XComValue, context: Context) -> Any:  # noqa: ANN401 - any value
    """What a task left, None if it left nothing; or what the index of a mapped group is given."""
    if isinstance(arg, GroupArgument):
        return _group_argument(arg, context)
    (leaf,) = arg.leaves()
    task_id = leaf.operator.task_id
    found = context.inputs.gathered.get(task_id, {}).get(leaf.key)
    if found is not None:
        return GatheredSequence(context.runtime, leaf, found)
    raw = context.inputs.value(task_id, leaf.key)
    return None if raw is None else _decode_value(raw, context, f"the value {leaf.key!r} of task {task_id!r}")


def _xcoms(task: Operator, context: Context, value: Any) -> dict[str, Value]:  # noqa: ANN401 - what execute returned
    values = dict(context.pushed)
    if task.multiple_outputs and value is not None:
        if not isinstance(value, dict):
            raise FailTask(
                f"{task} has multiple_outputs and returned a {type(value).__name__}, not a dict of named values"
            )
        values |= dict.items(value)
    for key in task._node.wanted_keys:  # noqa: SLF001 - the same room
        if key not in values and isinstance(value, dict) and key in value:
            values[key] = value[key]
        elif key not in values and task.must_return_keys:
            has = f"the keys {sorted(map(str, value))}" if isinstance(value, dict) else f"a {type(value).__name__}"
            raise FailTask(f"{task}: another task takes its value {key!r}, and it returned {has}")
    if task.do_xcom_push and value is not None:
        values[RETURN_VALUE] = value
    for key in values:
        if problem := xcom_key_problem(key):
            raise FailTask(
                f"{task}: what it returned cannot be kept for other tasks: {as_sentence(problem)} Choose another key; "
                "multiple_outputs=False keeps a dict as a whole alone."
            )
    try:
        return {str.__str__(key): _kept(each) for key, each in values.items()}
    except NotSerialisableError as error:
        raise FailTask(f"{task}: what it returned cannot be kept for other tasks: {error}") from None


def _kept(value: Any) -> Value:  # noqa: ANN401 - any value
    try:
        return Value(encode(value, typed=True), length(value))
    except NotSerialisableError:
        listed = as_lists(value)  # only now: most values hold no sequence that is read on demand
        return Value(encode(listed, typed=True), length(listed))


def _answered_ids(task: Operator, value: Any) -> tuple[str, ...]:  # noqa: ANN401 - what the function returned
    """Read what a branch answered; whether there are such tasks is known to the engine alone."""
    answered = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(answered, list | tuple | set | frozenset) or not all(isinstance(each, str) for each in answered):
        raise FailTask(
            f"{task}: a branch returns the id of a task or a task group, a list of ids, or None, and it returned {value!r:.300}"
        )
    return tuple(sorted({str.__str__(each) for each in answered}))
