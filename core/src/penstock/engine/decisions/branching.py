"""Branches and short circuits: which tasks downstream a finished task cuts off.

What an instance decided is kept as its reason, and a task that was cut off is recognised by its own, so that both are still
known after a restart: when the user clears tasks, what a branch did not choose must not run just because something else
upstream of it is cleared.
"""

from penstock.engine.live import Instance, Node
from penstock.model.attempt import TryEnd
from penstock.model.state import TaskState

_CUT_OFF_BY = "cut off by "
_CHOSE = "it chose "
_CHOSE_NOTHING = "it chose nothing"
_ENDED_ALL = "it ended the way here"
_ENDED_DIRECT = "it ended the way of what is next"


def decision(end: TryEnd) -> str:
    """What a try decided about its downstream, as the reason to store; "" if it let all go on."""
    if end.follow is not None:
        return _CHOSE + ", ".join(end.follow) if end.follow else _CHOSE_NOTHING
    if end.skip_downstream:
        return _ENDED_ALL if end.skip_downstream == "all" else _ENDED_DIRECT
    return ""


def cut_off(node: Node) -> tuple[list[int], str]:
    """The numbers of the tasks that a finished task cuts off as a whole, and why.

    Of a mapped one these are the tasks that each of its successful instances cuts off: what any of them chose goes on.
    """
    reasons = {instance.reason for instance in node.instances.values() if instance.state is TaskState.SUCCESS}
    if not reasons:
        return [], ""
    numbers = set.intersection(*(_cut_off_by(node, reason) for reason in reasons))
    why = reasons.pop() if len(reasons) == 1 else "none of its instances chose it"
    return [n for n in sorted(numbers) if not node.run.nodes[n].pairs(node)], f"{_CUT_OFF_BY}{node.task.task_id}: {why}"


def cut_off_beside(instance: Instance) -> tuple[list[int], str]:
    """The numbers of the tasks of its mapped group of which an instance cuts off the one of its own index, and why."""
    node, reason = instance.node, instance.reason
    if instance.state is not TaskState.SUCCESS:
        return [], ""
    numbers = [number for number in sorted(_cut_off_by(node, reason)) if node.run.nodes[number].pairs(node)]
    return numbers, f"{_CUT_OFF_BY}{instance.key}: {reason}"


def _cut_off_by(node: Node, reason: str) -> set[int]:
    compiled = node.run.compiled
    downstream = compiled.downstream[node.number]
    if reason == _ENDED_ALL:
        return compiled.reachable(downstream)
    if reason == _ENDED_DIRECT:
        return set(downstream)
    if not reason.startswith(_CHOSE):
        return set()
    chosen = reason.removeprefix(_CHOSE).split(", ") if reason != _CHOSE_NOTHING else []
    # Its run may have got a version of the DAG since that does not have what it chose.
    return set(downstream) - compiled.reachable(compiled.index[each] for each in chosen if each in compiled.index)


def skipped_by(instance: Instance) -> str:
    """Id of the branch or short circuit that skipped an instance; "" if none did."""
    if instance.state is not TaskState.SKIPPED or not instance.reason.startswith(_CUT_OFF_BY):
        return ""
    return instance.reason.removeprefix(_CUT_OFF_BY).partition(":")[0].partition("[")[0]
