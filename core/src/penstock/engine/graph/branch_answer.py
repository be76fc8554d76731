"""What a branch may answer, and what its answer means: the one judge of it, whoever wrote the branch and wherever it ran."""

from collections.abc import Collection

from msgspec.structs import replace

from penstock.engine.graph.compiled import CompiledDag
from penstock.model.attempt import TryEnd
from penstock.model.state import Outcome

# How many of the ids that a branch may answer its error names.
_NAMED = 50


def judged(dag: CompiledDag, number: int, end: TryEnd) -> TryEnd:
    """The end of a try with the tasks that its answer means; a failure if that names anything but what is directly downstream."""
    if end.follow is None or end.outcome is not Outcome.SUCCESS:
        return end
    choices = _choices(dag, number)
    left_out = _left_out(dag)
    unknown = [answer for answer in end.follow if answer not in choices and answer not in left_out]
    if not unknown:
        meant = {task_id for answer in end.follow for task_id in choices.get(answer, ())}
        return replace(end, follow=tuple(sorted(meant)))
    error = (
        f"branch {dag.tasks[number].task_id!r} answered {unknown[0]!r:.300}, which is not directly downstream of it. "
    )
    return TryEnd(Outcome.FAILED, f"{error}It may answer {_listed(choices)}.", retryable=False)


def _choices(dag: CompiledDag, number: int) -> dict[str, tuple[str, ...]]:
    """The ids that a branch may answer, of tasks directly downstream and of groups that begin with some, and the tasks meant."""
    direct = {dag.tasks[down].task_id: (dag.tasks[down].task_id,) for down in dag.downstream[number]}
    begun = {group: tuple(first for first in firsts if first in direct) for group, firsts in dag.dag.groups.items()}
    return {**{group: firsts for group, firsts in begun.items() if firsts}, **direct}


def _left_out(dag: CompiledDag) -> set[str]:
    """Ids of the tasks and groups that the DAG has and the run has not: a branch may answer them, and nothing follows from it."""
    if len(dag.tasks) == len(dag.dag.tasks):
        return set()
    tasks = {task.task_id for task in dag.dag.tasks} - dag.index.keys()
    return tasks | {group for group, firsts in dag.dag.groups.items() if tasks.issuperset(firsts)}


def _listed(choices: Collection[str]) -> str:
    if not choices:
        return "None alone: no task is"
    more = len(choices) - _NAMED
    return ", ".join(sorted(choices)[:_NAMED]) + f" and {more} more" * (more > 0)
