"""What the engine holds in memory of a live run: its nodes (tasks) and their instances."""

from __future__ import annotations

from datetime import datetime

from penstock.engine.limits import Bucket, Needs
from penstock.engine.plan import Plan
from penstock.engine.rules import Tally
from penstock.model.dag import TaskSpec
from penstock.model.run import UNMAPPED, Run, TaskInstance, TaskKey
from penstock.model.state import TRANSITIONS, TaskState


class Instance:
    """One live task instance; becomes a `TaskInstance` row whenever a step changed it.

    Attributes:
        node: The task that it is an instance of.
        bucket: Where it waits for admission, or None.
        holds: What it uses of limited resources while a try of it lives.
        lane: The executor that has its current try; "" if none lives.
        repeats: Whether its next dispatch repeats a try whose worker was lost, and so is no new try to the user.
        lost: Times in a row that its worker was lost.
        dying: Epoch of a try that was told to end and has not answered yet; 0 if there is none.
        waited_from: When a sensor's first poke was asked for; kept when its waiter is lost.
    """

    __slots__ = (
        "bucket",
        "due_at",
        "dying",
        "ended_at",
        "epoch",
        "failures",
        "holds",
        "key",
        "lane",
        "lost",
        "node",
        "priority",
        "queued_at",
        "reason",
        "repeats",
        "started_at",
        "state",
        "try_number",
        "waited_from",
    )

    def __init__(self, key: TaskKey, node: Node) -> None:
        self.key, self.node, self.priority = key, node, node.task.priority_weight
        self.state = TaskState.NONE
        self.try_number = self.epoch = self.failures = self.dying = self.lost = 0
        self.repeats = False
        self.reason = self.lane = ""
        self.queued_at: datetime | None = None
        self.started_at: datetime | None = None
        self.ended_at: datetime | None = None
        self.due_at: datetime | None = None
        self.waited_from: datetime | None = None
        self.bucket: Bucket | None = None
        self.holds: Needs = ()

    def move(self, state: TaskState, reason: str) -> None:
        """Go to another state; raises ValueError for a transition that the table does not have."""
        if state not in TRANSITIONS[self.state] and state is not self.state:
            raise ValueError(f"{self.key}: {self.state.value} -> {state.value} is not a transition")
        self.state, self.reason = state, reason

    def row(self) -> TaskInstance:
        """The row to store."""
        return TaskInstance(
            self.key.run,
            self.key.task_id,
            self.key.map_index,
            self.state,
            self.try_number,
            self.epoch,
            self.reason,
            self.queued_at,
            self.started_at,
            self.ended_at,
            self.due_at,
            self.failures,
        )

    def restore(self, row: TaskInstance) -> None:
        """Take over what was stored."""
        self.state, self.reason = row.state, row.reason
        self.try_number, self.epoch, self.failures = row.try_number, row.epoch, row.failures
        self.queued_at, self.started_at, self.ended_at = row.queued_at, row.started_at, row.ended_at
        self.due_at = row.due_at
        if self.node.task.sensor is not None:
            self.waited_from = row.started_at


class Node:
    """A task within one run.

    Attributes:
        tally: How far its upstream is.
        instances: By map index; a mapped task that has not been expanded has one placeholder under -1.
        unfinished: Instances that are not finished.
        folding: Whether its placeholder comes back as soon as no instance has a dying try.
        lengths: Number of elements of the values its instances left, by key and map index.
    """

    __slots__ = ("expanded", "folding", "instances", "lengths", "number", "run", "tally", "task", "unfinished")

    def __init__(self, run: LiveRun, number: int) -> None:
        self.run, self.number, self.task = run, number, run.plan.tasks[number]
        self.tally = Tally(len(run.plan.upstream[number]))
        self.expanded = not self.task.mapped
        self.instances = {UNMAPPED: Instance(TaskKey(run.row.run, self.task.task_id), self)}
        self.unfinished = 1
        self.folding = False
        self.lengths: dict[tuple[str, int], int] = {}

    @property
    def done(self) -> bool:
        """True if every instance is finished."""
        return self.unfinished == 0

    def populate(self, count: int) -> list[Instance]:
        """Replace the placeholder by ``count`` instances, 1 or more."""
        spent = self.instances[UNMAPPED].epoch
        self.expanded = True
        self.unfinished = count
        self.instances = {}
        for index in range(count):
            instance = self.instances[index] = Instance(TaskKey(self.run.row.run, self.task.task_id, index), self)
            instance.epoch = instance.try_number = spent
        return list(self.instances.values())

    def fold(self) -> Instance:
        """Put the placeholder back in place of the instances; epochs go on from the highest one spent."""
        spent = max(instance.epoch for instance in self.instances.values())
        placeholder = Instance(TaskKey(self.run.row.run, self.task.task_id), self)
        placeholder.epoch = placeholder.try_number = spent
        self.instances = {UNMAPPED: placeholder}
        self.expanded = self.folding = False
        self.unfinished = 1
        return placeholder


class LiveRun:
    """A run that is queued or running.

    Attributes:
        unfinished: Nodes that are not done; the run ends when there is none.
        broken_leaves: Instances of leaf tasks that failed: one is enough to fail the run.
    """

    __slots__ = ("broken_leaves", "nodes", "plan", "row", "unfinished")

    def __init__(self, row: Run, plan: Plan) -> None:
        self.row, self.plan = row, plan
        self.nodes = [Node(self, number) for number in range(len(plan.tasks))]
        self.unfinished = len(self.nodes)
        self.broken_leaves = 0

    def node(self, task_id: str) -> Node | None:
        """The node of a task, or None if this version of the DAG has no such task."""
        number = self.plan.index.get(task_id)
        return None if number is None else self.nodes[number]

    def instance(self, key: TaskKey) -> Instance | None:
        """The live instance of this name, or None."""
        node = self.node(key.task_id)
        return None if node is None else node.instances.get(key.map_index)

    def instances(self) -> list[Instance]:
        """Every instance, in the DAG's order."""
        return [instance for node in self.nodes for instance in node.instances.values()]


def expansion(run: LiveRun, task: TaskSpec) -> int | str:
    """How many instances a mapped task gets: the product of its arguments' lengths, or a sentence why it cannot."""
    total = 1
    for mapping in task.mapped:
        length = mapping.length
        if mapping.source is not None:
            source = run.node(mapping.source.task_id)
            if source is None:
                return f"cannot expand {mapping.argument!r}: there is no task {mapping.source.task_id!r}"
            if source.task.mapped:
                length = sum(1 for i in source.instances.values() if i.state is TaskState.SUCCESS)
            else:
                length = source.lengths.get((mapping.source.key, UNMAPPED))
            if length is None:
                return (
                    f"cannot expand {mapping.argument!r}: task {mapping.source.task_id!r} left no list or dict "
                    f"under {mapping.source.key!r}. Return one from it"
                )
        total *= length or 0
    return total
