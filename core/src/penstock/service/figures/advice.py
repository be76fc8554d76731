"""What holds tasks up, in figures: pure.

Each task instance has waited from when it could start to its dispatch. That is laid to the limit that was full for the longest part of
it: its pool, its executor, its queue or its DAG. When a limit was full is worked out from the same instances, each of which held it from
its dispatch to its end.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from statistics import median
from typing import NamedTuple

from penstock.model.text import counted

LEAST_S = 30.0
"""Seconds of waiting at the median below which nobody is told."""
LEAST_TASKS = 5
"""Task instances that have waited, below which chance has a part."""
_SLOW_START_S = 5.0


class LimitKind(StrEnum):
    """What bounds how much runs at once."""

    POOL = "pool"
    EXECUTOR = "executor"
    QUEUE = "queue"
    DAG = "dag"


class Limit(NamedTuple):
    """One limit."""

    kind: LimitKind
    name: str


class Stay(NamedTuple):
    """A task instance on its way: instants in seconds since 1970, None if it has not come there.

    Attributes:
        needs: What it needs of each limit while a try of it lives.
        due_s: When it could start.
        queued_s: When it was dispatched.
    """

    needs: Mapping[Limit, int]
    due_s: float
    queued_s: float | None = None
    started_s: float | None = None
    ended_s: float | None = None


def advice(stays: Sequence[Stay], sizes: Mapping[Limit, int], since: datetime, now: datetime) -> list[str]:
    """Say what holds tasks up and what to change, a sentence for each limit, the worst first; nothing if little waits.

    Args:
        stays: The task instances.
        sizes: How much of each limit there is; one that is not known is not full.
        since: What was before counts for nothing.
        now: The present.
    """
    begin_s, now_s = since.timestamp(), now.timestamp()
    full = {limit: _full(limit, size, stays, begin_s, now_s) for limit, size in sizes.items()}
    waits: dict[Limit, list[float]] = defaultdict(list)
    for stay in stays:
        begun_s, until_s = max(begin_s, stay.due_s), stay.queued_s if stay.queued_s is not None else now_s
        shares = {limit: full[limit].within(begun_s, until_s) for limit in stay.needs if limit in full}
        worst = max(shares, key=shares.__getitem__, default=None)
        if worst is not None and shares[worst] > (until_s - begun_s) / 2:
            waits[worst].append(until_s - begun_s)
    sentences = [
        (sum(found), _sentence(limit, found, sizes[limit], full[limit].within(begin_s, now_s) / (now_s - begin_s)))
        for limit, found in waits.items()
        if len(found) >= LEAST_TASKS and median(found) >= LEAST_S
    ]
    return [sentence for _, sentence in sorted(sentences, reverse=True)] + _slow_starts(stays)


class _Spans:
    """Spans of time in which a limit was full, in their order."""

    def __init__(self, spans: Sequence[tuple[float, float]]) -> None:
        self._begins = [begin for begin, _ in spans]
        self._spans, self._before = spans, [0.0]
        for begin, end in spans:
            self._before.append(self._before[-1] + end - begin)

    def within(self, begin: float, end: float) -> float:
        """Seconds of them between two instants."""
        return max(0.0, self._until(end) - self._until(begin))

    def _until(self, at: float) -> float:
        place = bisect_right(self._begins, at)
        if not place:
            return 0.0
        begin, end = self._spans[place - 1]
        return self._before[place - 1] + min(at, end) - begin


def _full(limit: Limit, size: int, stays: Iterable[Stay], begin_s: float, now_s: float) -> _Spans:
    """When a limit was full: no room was left for one that needs the least that anybody does."""
    least = min((stay.needs[limit] for stay in stays if limit in stay.needs), default=1)
    steps: dict[float, int] = defaultdict(int)
    for stay in stays:
        need = stay.needs.get(limit, 0)
        if need and stay.queued_s is not None:
            end_s = max(stay.queued_s, stay.ended_s if stay.ended_s is not None else now_s)
            steps[max(begin_s, stay.queued_s)] += need
            steps[max(begin_s, end_s)] -= need
    used, since_s, spans = 0, None, []
    for at_s, change in sorted(steps.items()):
        used += change
        if used + least > size and since_s is None:
            since_s = at_s
        elif used + least <= size and since_s is not None:
            spans.append((since_s, at_s))
            since_s = None
    return _Spans([*spans, *([] if since_s is None else [(since_s, max(since_s, now_s))])])


_REMEDIES: Mapping[LimitKind, str] = {
    LimitKind.POOL: "which has {slots} and was full {share} of the time. If what it guards bears more: penstock pools set {name} SLOTS",
    LimitKind.EXECUTOR: (
        "which runs {size} at once and was full {share} of the time. Raise its parallelism or its workers, or route queues elsewhere"
    ),
    LimitKind.QUEUE: "which admits {size} at once and was full {share} of the time. Raise its limit in [queues.{name}]",
    LimitKind.DAG: "which admits {size} at once and was full {share} of the time. Raise max_active_tasks in its file",
}


def _sentence(limit: Limit, waits: Sequence[float], size: int, share: float) -> str:
    remedy = _REMEDIES[limit.kind].format(
        name=limit.name, size=size, slots=counted(size, "slot"), share=f"{share:.0%}".replace("%", " %")
    )
    what = "DAG" if limit.kind is LimitKind.DAG else limit.kind.value
    return f"{len(waits):,} task instances waited {duration(median(waits))} at the median for {what} {limit.name}, {remedy}."


def _slow_starts(stays: Iterable[Stay]) -> list[str]:
    """Executors that need long from the dispatch of a try to its start."""
    took: dict[str, list[float]] = defaultdict(list)
    for stay in stays:
        if stay.queued_s is not None and stay.started_s is not None and stay.started_s >= stay.queued_s:
            for limit in stay.needs:
                if limit.kind is LimitKind.EXECUTOR:
                    took[limit.name].append(stay.started_s - stay.queued_s)
    return [
        f"executor {name} needs {duration(median(found))} at the median to start a try that it was given. Look at what its workers "
        "do first, such as fetching images or importing."
        for name, found in sorted(took.items())
        if len(found) >= LEAST_TASKS and median(found) >= _SLOW_START_S
    ]


def duration(seconds: float) -> str:
    """A span of time as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
