"""What the engine holds in memory of a live run: its nodes (tasks) and their instances."""

from __future__ import annotations

from collections.abc import Container, Iterable
from datetime import datetime
from operator import attrgetter

from penstock.engine.graph.compiled import CompiledDag
from penstock.engine.graph.live_group import LiveGroup, OwnTally, own_tallies
from penstock.engine.graph.trigger_rules import BROKEN, Tally, Verdict, explain, guarded, verdict
from penstock.engine.limits.bucket import Bucket
from penstock.engine.limits.fairness import Competitor
from penstock.engine.limits.resource import Needs
from penstock.model.attempt import Gathered
from penstock.model.dag import XComRef
from penstock.model.history.past_run import PastRun
from penstock.model.run import UNMAPPED, Run, TaskInstance, TaskKey, Try
from penstock.model.state import TRANSITIONS, TaskState

# What is stored of an instance, by name: a new field of the row needs its slot here and no copying.
_STORED = TaskInstance.__struct_fields__[len(TaskKey._fields) :]
_stored = attrgetter(*_STORED)


class Instance:
    """One live task instance; becomes a `TaskInstance` row whenever a step changed it.

    Attributes:
        node: The task that it is an instance of.
        bucket: The bucket in which it waits for admission, or None.
        holds: The limited resources that its live try holds.
        attempt: The row of its live try, or None.
        cancelling: Whether that try was killed and has not answered yet.
        notified_state: The state that listeners know.
        losses: Times in a row that its worker was lost; stored, so that no try ends the scheduler again and again.
        silences: Leases in a row that ended without a word of it from its executor.
        retry_at_s: Monotonic instant from which a retry is due; None otherwise.
        waiting_since_s: Monotonic instant at which a sensor began to wait; kept when its waiter is lost.
    """

    __slots__ = (
        "attempt",
        "bucket",
        "cancelling",
        "due_at",
        "ended_at",
        "epoch",
        "failures",
        "holds",
        "key",
        "losses",
        "map_key",
        "node",
        "notified_state",
        "queued_at",
        "reason",
        "retry_at_s",
        "silences",
        "started_at",
        "state",
        "try_number",
        "waiting_since_s",
    )

    def __init__(self, key: TaskKey, node: Node) -> None:
        self.key, self.node = key, node
        self.state = self.notified_state = TaskState.NONE
        self.try_number = self.epoch = self.failures = self.losses = self.silences = 0
        self.cancelling = False
        self.reason = ""
        self.map_key = ""
        self.queued_at: datetime | None = None
        self.started_at: datetime | None = None
        self.ended_at: datetime | None = None
        self.due_at: datetime | None = None
        self.retry_at_s: float | None = None
        self.waiting_since_s: float | None = None
        self.attempt: Try | None = None
        self.bucket: Bucket | None = None
        self.holds: Needs = ()

    @property
    def priority(self) -> int:
        """That of its next try: one that has weights by try has others for later ones."""
        task = self.node.task
        return task.weights[min(self.try_number, len(task.weights) - 1)] if task.weights else task.priority_weight

    def transition(self, state: TaskState, reason: str) -> None:
        """Change the state.

        Raises:
            ValueError: The table of transitions does not have this one.
        """
        if state not in TRANSITIONS[self.state] and state is not self.state:
            raise ValueError(f"{self.key}: {self.state.value} -> {state.value} is not a transition")
        self.state, self.reason = state, reason

    def reset(self, reason: str) -> None:
        """Reset to the state before the first try; epochs and try numbers go on from where they are."""
        self.state, self.reason = TaskState.NONE, reason
        self.failures = self.losses = self.silences = 0
        self.queued_at = self.started_at = self.ended_at = self.due_at = None
        self.retry_at_s = self.waiting_since_s = None

    def row(self) -> TaskInstance:
        """The row to store."""
        return TaskInstance(*self.key, *_stored(self))

    def restore(self, row: TaskInstance) -> None:
        """Restore from a stored row."""
        for name, value in zip(_STORED, _stored(row), strict=True):
            setattr(self, name, value)
        self.notified_state = row.state


class Node:
    """A task within one run.

    Attributes:
        tally: The states of its upstream, counted.
        guard: Those of its guards; None if it has none.
        own: What each of its instances counts by itself, by map index, if it stands in a mapped group beside others; those are
            not in its tally and guard then.
        group: What it is expanded together with; None if it is not mapped.
        expanded: False for a mapped task that has only its placeholder, under -1.
        instances: By map index.
        waiting: Instances that its trigger rule has not decided on yet, by map index.
        unfinished, broken: Instances that are not finished, and those that ended otherwise than well.
        tries: How many of its instances have a live try.
        lengths: Number of elements of the lists and dicts that it left, by key; empty for a mapped task.
        left: By key the instances of a mapped task that left a value: its own value is the list of all.
        needs, competitor: The resources that each instance needs, and who competes for them; None before the first is ready.
    """

    __slots__ = (
        "broken",
        "competitor",
        "expanded",
        "group",
        "guard",
        "instances",
        "left",
        "lengths",
        "needs",
        "number",
        "own",
        "run",
        "tally",
        "task",
        "tries",
        "unfinished",
        "waiting",
    )

    def __init__(self, run: LiveRun, number: int) -> None:
        self.run, self.number, self.task = run, number, run.compiled.tasks[number]
        self.tally = Tally(len(run.compiled.upstream[number]))
        guards = run.compiled.guards[number]
        self.guard = Tally(len(guards)) if guards else None
        self.expanded = not self.task.mapped
        placeholder = Instance(TaskKey(run.row.run, self.task.task_id), self)
        self.instances = {UNMAPPED: placeholder}
        self.waiting = {UNMAPPED: placeholder}
        self.own: dict[int, OwnTally] = {}
        self.group: LiveGroup | None = None
        self.unfinished, self.broken, self.tries = 1, 0, 0
        self.lengths: dict[str, int] = {}
        self.left: dict[str, set[int]] = {}
        self.needs: Needs | None = None
        self.competitor: Competitor | None = None

    @property
    def done(self) -> bool:
        """True if every instance is finished."""
        return self.unfinished == 0

    @property
    def ended_well(self) -> bool:
        """Whether every instance succeeded or was skipped: then no later run is held by it."""
        return self.unfinished == 0 and self.broken == 0

    @property
    def collapsing(self) -> bool:
        """Whether it is about to be collapsed into its placeholder."""
        return self.group is not None and self.group.collapsing

    def verdict(self, index: int = UNMAPPED) -> Verdict:
        """What its trigger rule and its guards say now, of the instance of an index."""
        tally, guard = self._tallies(index)
        decision = verdict(self.task.trigger_rule, tally)
        return decision if guard is None else guarded(decision, guard)

    def explain(self, index: int = UNMAPPED) -> str:
        """Why its verdict is what it is, as a sentence."""
        tally, guard = self._tallies(index)
        setup = "" if guard is None else self._setup_at_fault(index, BROKEN if guard.broken else {TaskState.SKIPPED})
        return explain(self.task.trigger_rule, tally, guard, setup)

    def _setup_at_fault(self, index: int, states: Container[TaskState]) -> str:
        """The id of the first setup above it that ended in one of these states; "" if none did."""
        for setup in filter(self.heeds, self._nodes(self.run.compiled.guards)):
            own = setup.instances.get(index) if self.pairs(setup) else None
            if any(i.state in states for i in (setup.instances.values() if own is None else [own])):
                return setup.task.task_id
        return ""

    def _tallies(self, index: int) -> tuple[Tally, Tally | None]:
        own = self.own.get(index)
        if own is None:
            return self.tally, self.guard
        return self.tally.plus(own.tally), None if self.guard is None else self.guard.plus(own.guard)

    def pairs(self, upper: Node) -> bool:
        """Whether the instances of a task upstream count for those of the same index alone."""
        return self.group is not None and self.group is upper.group and self.expanded and upper.expanded

    def beside(self, instance: Instance) -> list[Instance]:
        """Those of its instances that go with one of another task: in a mapped group that of its index, else all."""
        if self is instance.node:
            return [instance]
        own = self.instances.get(instance.key.map_index) if self.pairs(instance.node) else None
        return list(self.instances.values()) if own is None else [own]

    def heeds(self, guard: Node) -> bool:
        """Whether the states of a guard matter, as those of a setup do to work; of all others only that they are done."""
        return guard.task.setup and not self.task.teardown

    def count_value(self, key: str, index: int, length: int | None) -> None:
        """Count a value that an instance left."""
        if self.task.mapped:
            self.left.setdefault(key, set()).add(index)
        elif length is not None:
            self.lengths[key] = length

    def forget_values(self, index: int) -> None:
        """Forget what an instance left, because it was cleared."""
        self.lengths.clear()
        for indexes in self.left.values():
            indexes.discard(index)

    def expand(self, indexes: Iterable[int]) -> list[Instance]:
        """Expand the placeholder into an instance for each index, one or more."""
        old = self.instances.pop(UNMAPPED)
        self.expanded = True
        self.unfinished, self.waiting = 0, {}
        made = self.add_instances(indexes)
        for instance in made:
            instance.epoch, instance.try_number = old.epoch, old.try_number
        return made

    def add_instances(self, indexes: Iterable[int]) -> list[Instance]:
        """Add instances that nothing has been decided of."""
        made = {index: Instance(TaskKey(self.run.row.run, self.task.task_id, index), self) for index in indexes}
        self.instances |= made
        self.waiting |= made
        self.unfinished += len(made)
        return list(made.values())

    def pair(self) -> None:
        """Let the instances count by themselves what was expanded beside them just now, and has not begun."""
        uppers = [upper for upper in self._nodes(self.run.compiled.upstream) if self.pairs(upper)]
        guards = [guard for guard in self._nodes(self.run.compiled.guards) if self.pairs(guard)]
        self.own = own_tallies(self, uppers, guards)
        self.tally.pending -= len(uppers)
        if self.guard is not None:
            self.guard.pending -= len(guards)

    def recount(self) -> None:
        """Derive its tallies from the states of what is upstream of it."""
        uppers, guards = self._nodes(self.run.compiled.upstream), self._nodes(self.run.compiled.guards)
        self.own = own_tallies(self, filter(self.pairs, uppers), filter(self.pairs, guards))
        outside = [upper for upper in uppers if not self.pairs(upper)]
        self.tally = _tally(outside, outside)
        above = [guard for guard in guards if not self.pairs(guard)]
        self.guard = _tally(above, filter(self.heeds, above)) if guards else None

    def _nodes(self, edges: list[list[int]]) -> list[Node]:
        return [self.run.nodes[number] for number in edges[self.number]]

    def collapse(self) -> Instance:
        """Collapse the instances into one placeholder; its epoch goes on from their highest."""
        placeholder = Instance(TaskKey(self.run.row.run, self.task.task_id), self)
        placeholder.epoch = max(instance.epoch for instance in self.instances.values())
        placeholder.try_number = max(instance.try_number for instance in self.instances.values())
        self.instances = {UNMAPPED: placeholder}
        self.waiting = {UNMAPPED: placeholder}
        self.own = {}
        self.expanded = False
        self.unfinished, self.broken = 1, 0
        self.left = {}
        return placeholder

    def gathered(self) -> dict[XComRef, Gathered]:
        """How much the mapped tasks left whose values its tries take, or are mapped over."""
        task, found = self.task, dict[XComRef, Gathered]()
        for ref in (*task.inputs, *(source for mapping in task.mapped for source in mapping.sources())):
            producer = self.run.node(ref.task_id)
            if producer is not None and producer.task.mapped and not (task.group and producer.task.group == task.group):
                count = len(producer.left.get(ref.key, ()))
                found[ref] = Gathered(count, count == len(producer.instances))
        return found

    def sources(self) -> list[Node]:
        """The tasks over whose values it is mapped, if it is."""
        named = (self.run.node(ref.task_id) for mapping in self.task.mapped for ref in mapping.sources())
        return [source for source in named if source is not None]


class LiveRun:
    """A run that is queued or running, or that has ended while a try of it still lives.

    Attributes:
        unfinished: Nodes that are not done; the run ends when there is none.
        broken_leaves: Instances of leaf tasks that failed: one is enough to fail the run.
        tries: How many of its instances have a live try.
        started_s, timeout_s: Monotonic instants at which it started, and at which its time is over; None before and without a limit.
        past: The run before it by logical date, among those that are stored and do not live; None if there is none.
        past_known: Whether somebody has said what that is.
        dropped: Rows of tasks that its version does not have: what they did under an earlier one.
        groups: Of its nodes, what is mapped: task groups, and tasks alone.
    """

    __slots__ = (
        "broken_leaves",
        "compiled",
        "dropped",
        "groups",
        "nodes",
        "past",
        "past_known",
        "row",
        "started_s",
        "timeout_s",
        "tries",
        "unfinished",
    )

    def __init__(self, row: Run, compiled: CompiledDag) -> None:
        self.row, self.compiled = row, compiled
        self.nodes = [Node(self, number) for number in range(len(compiled.tasks))]
        self.groups = [LiveGroup([self.nodes[number] for number in numbers]) for numbers in compiled.groups]
        for group in self.groups:
            for node in group.nodes:
                node.group = group
        self.unfinished = len(self.nodes)
        self.broken_leaves = self.tries = 0
        self.started_s: float | None = None
        self.timeout_s: float | None = None
        self.past: PastRun | None = None
        self.past_known = False
        self.dropped: dict[TaskKey, TaskInstance] = {}

    @property
    def limited(self) -> bool:
        """Whether its DAG limits how long it may take."""
        return self.compiled.dag.run_timeout_s is not None

    @property
    def timeout_reason(self) -> str:
        """Why it is ended once its time is over, as a sentence."""
        return f"run timeout: its run takes longer than {self.compiled.dag.run_timeout_s or 0:g} s (dagrun_timeout)"

    def node(self, task_id: str) -> Node | None:
        """The node of a task, or None if this version of the DAG has no such task."""
        number = self.compiled.index.get(task_id)
        return None if number is None else self.nodes[number]

    def instance(self, key: TaskKey) -> Instance | None:
        """The live instance of this name, or None."""
        node = self.node(key.task_id)
        return None if node is None else node.instances.get(key.map_index)

    def instances(self) -> list[Instance]:
        """Every instance, in the DAG's order."""
        return [instance for node in self.nodes for instance in node.instances.values()]

    def recount(self) -> None:
        """Derive every count and tally from the states of the instances: after a restart, a clear or a mark."""
        self.unfinished = self.broken_leaves = 0
        for node in self.nodes:
            node.waiting = {index: i for index, i in node.instances.items() if i.state is TaskState.NONE}
            node.unfinished = sum(not i.state.finished for i in node.instances.values())
            node.broken = sum(i.state in BROKEN for i in node.instances.values())
            self.unfinished += not node.done
            if self.compiled.leaf[node.number]:
                self.broken_leaves += node.broken
        for node in self.nodes:
            node.recount()


def _tally(nodes: list[Node], counted: Iterable[Node]) -> Tally:
    """Derive a tally of nodes; the states of those that count are counted."""
    tally = Tally(sum(not node.done for node in nodes))
    for node in counted:
        for instance in node.instances.values():
            if instance.state.finished:
                tally.add(instance.state, setup=node.task.setup)
    return tally
