"""What a ready task instance waits for: the limit, who holds it, and who waits as well."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import msgspec

from penstock.engine.limits.bucket import Bucket
from penstock.engine.live import Instance
from penstock.engine.state import State
from penstock.model.text import counted, utc_text

_MOST_NAMED = 10
_MOST_IN_SENTENCE = 3


class LimitHolder(msgspec.Struct, frozen=True):
    """A task instance that holds some of a limited resource.

    Attributes:
        task: Its task, with its index if it is mapped.
        amount: How much it holds.
    """

    dag_id: str
    run_id: str
    task: str
    amount: int


class Wait(msgspec.Struct, frozen=True):
    """The limit that holds a ready task instance back.

    Attributes:
        limit: Its name, as sentences have it.
        used, of: How much is in use, and how much there is.
        needs: How much the instance needs.
        holders: The first of those that hold it, and whose DAGs whoever asks may see.
        held_by: How many hold it, the others included.
        waiting: How many ready instances need some of it, this one included.
        position: Its place among those of its tenant, by priority alone: those of equal priority take turns. All that is no
            backfill's goes before what is.
        next_start: When the next one may start, if a rate forbids it now; then nobody holds what it waits for.
        free_by: When the first of those that hold it ends at the latest, by its ``execution_timeout``; None if none has one.
    """

    limit: str
    used: int
    of: int
    needs: int
    holders: tuple[LimitHolder, ...]
    held_by: int
    waiting: int
    position: int
    next_start: datetime | None
    free_by: datetime | None


def wait_of(state: State, instance: Instance, seen: Callable[[str], bool] = lambda _: True) -> Wait | None:
    """The limit that a ready instance waits for, with holders of seen DAGs; None if it waits for none, or if waiting does not help."""
    bucket, (resource, _) = instance.bucket, state.admission.refusal(instance)
    if bucket is None or resource is None:
        return None
    amount = bucket.amount_of(resource)
    if resource.impossible(amount):
        return None
    next_start = resource.next_start if resource.used + amount <= resource.limit else None
    held: Iterable[tuple[object, int]] = resource.holders.items() if next_start is None else ()
    holders = [(holder, part) for holder, part in held if isinstance(holder, Instance)]
    named = [(holder, part) for holder, part in holders if seen(holder.node.run.row.dag_id)]
    ends = [end for holder, _ in holders if (end := _latest_end(holder)) is not None]
    others = list(state.admission.waiting_for(resource))
    ahead = [each for each in others if _goes_before(each, bucket)]
    return Wait(
        limit=resource.label,
        used=resource.used,
        of=resource.limit,
        needs=amount,
        holders=tuple(_named(holder, part) for holder, part in named[:_MOST_NAMED]),
        held_by=len(holders),
        waiting=sum(each.size for each in others),
        position=1 + sum(each.size for each in ahead),
        next_start=next_start,
        free_by=min(ends, default=None),
    )


def _goes_before(other: Bucket, bucket: Bucket) -> bool:
    theirs, own = other.competitor, bucket.competitor
    if theirs.priority_class != own.priority_class:
        return theirs.priority_class < own.priority_class
    return theirs.tenant is own.tenant and other.priority > bucket.priority


def describe(wait: Wait) -> str:
    """Who holds the limit and who waits for it, as a part of a sentence."""
    named = [f"{each.task} (run {each.run_id} of DAG {each.dag_id})" for each in wait.holders[:_MOST_IN_SENTENCE]]
    if rest := wait.held_by - len(named):
        named.append(f"{rest} more" if named else counted(rest, "task instance"))
    parts = [f"it is held by {', '.join(named)}"] if named else []
    if wait.free_by is not None:
        parts.append(f"the first of them ends by {utc_text(wait.free_by)} at the latest")
    if wait.waiting > 1:
        ahead = f", {wait.position - 1} of them with a higher priority" if wait.position > 1 else ""
        parts.append(f"{counted(wait.waiting, 'task instance')} wait for it{ahead}")
    return "; ".join(parts)


def _named(holder: Instance, amount: int) -> LimitHolder:
    run = holder.node.run.row
    return LimitHolder(run.dag_id, run.run_id, str(holder.key), amount)


def _latest_end(holder: Instance) -> datetime | None:
    """When a running try is ended by its timeout; None if it has none, or that lies beyond all dates."""
    timeout_s, attempt = holder.node.task.execution_timeout_s, holder.attempt
    if timeout_s is None or attempt is None or attempt.started_at is None or holder.node.task.sensor is not None:
        return None
    try:
        return attempt.started_at + timedelta(seconds=timeout_s)
    except OverflowError:
        return None
