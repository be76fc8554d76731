"""Trigger rules: what the states of a task's upstream mean for the task.

Source of the meanings: Apache Airflow's documentation, "Trigger rules", and its ``TriggerRuleDep``. A verdict falls as
early as it is certain: ``one_success`` does not wait for the others, ``all_success`` gives up at the first failure.
"""

from collections.abc import Callable
from enum import Enum

from penstock.model.state import TaskState, TriggerRule

BROKEN = frozenset({TaskState.FAILED, TaskState.UPSTREAM_FAILED, TaskState.CANCELLED})


class Verdict(Enum):
    """What to do with a task that has not begun."""

    WAIT = "wait"
    RUN = "run"
    SKIP = "skip"
    UPSTREAM_FAILED = "upstream_failed"


class Tally:
    """How far the upstream of one task is: counted in instances, but complete only by whole tasks.

    Attributes:
        pending: Upstream tasks that are not finished yet, each with all of its instances.
        success, failed, upstream_failed, skipped: Finished instances by state; cancelled ones count as failed.
        setups_failed, setups_skipped, setups_succeeded: The same for upstream setup tasks alone.
    """

    __slots__ = (
        "failed",
        "pending",
        "setups_failed",
        "setups_skipped",
        "setups_succeeded",
        "skipped",
        "success",
        "upstream_failed",
    )

    def __init__(self, pending: int) -> None:
        self.pending = pending
        self.success = self.failed = self.upstream_failed = self.skipped = 0
        self.setups_failed = self.setups_skipped = self.setups_succeeded = 0

    def add(self, state: TaskState, *, setup: bool) -> None:
        """Count one finished upstream instance."""
        if state is TaskState.SUCCESS:
            self.success += 1
            self.setups_succeeded += setup
        elif state is TaskState.SKIPPED:
            self.skipped += 1
            self.setups_skipped += setup
        else:
            if state is TaskState.UPSTREAM_FAILED:
                self.upstream_failed += 1
            else:
                self.failed += 1
            self.setups_failed += setup

    def plus(self, other: "Tally") -> "Tally":
        """Both counted together."""
        found = Tally(0)
        for name in self.__slots__:
            setattr(found, name, getattr(self, name) + getattr(other, name))
        return found

    def seen(self) -> tuple[bool, ...]:
        """What a verdict looks at besides whether all are done: which states there are, and not how often."""
        return tuple(bool(getattr(self, name)) for name in self.__slots__ if name != "pending")

    @property
    def done(self) -> bool:
        """True if every upstream task is finished."""
        return self.pending == 0

    @property
    def broken(self) -> int:
        """Upstream instances that failed, themselves or by their own upstream."""
        return self.failed + self.upstream_failed


def verdict(rule: TriggerRule, tally: Tally) -> Verdict:
    """What the rule says now; WAIT only while a later upstream could still change it.

    A task without upstream runs, whatever its rule.
    """
    if tally.done and not (tally.success or tally.skipped or tally.broken):
        return Verdict.RUN
    return _RULES[rule](tally)


def guarded(decision: Verdict, guard: Tally) -> Verdict:
    """What becomes of a verdict with the guards counted: a setup that did not succeed decides, an open guard lets nothing run."""
    if guard.broken:
        return Verdict.UPSTREAM_FAILED
    if guard.skipped:
        return Verdict.SKIP
    return decision if guard.done or decision is not Verdict.RUN else Verdict.WAIT


def _when_done(tally: Tally, otherwise: Verdict = Verdict.RUN) -> Verdict:
    return otherwise if tally.done else Verdict.WAIT


def _all_success(t: Tally) -> Verdict:
    if t.broken:
        return Verdict.UPSTREAM_FAILED
    if t.skipped:
        return Verdict.SKIP
    return _when_done(t)


def _all_failed(t: Tally) -> Verdict:
    return Verdict.SKIP if t.success or t.skipped else _when_done(t)


def _all_done_min_one_success(t: Tally) -> Verdict:
    if not t.done:
        return Verdict.WAIT
    if t.success:
        return Verdict.RUN
    return Verdict.UPSTREAM_FAILED if t.broken else Verdict.SKIP


def _all_done_setup_success(t: Tally) -> Verdict:
    if not t.done:
        return Verdict.WAIT
    if t.setups_succeeded or not (t.setups_failed or t.setups_skipped):
        return Verdict.RUN
    return Verdict.UPSTREAM_FAILED if t.setups_failed else Verdict.SKIP


def _all_skipped(t: Tally) -> Verdict:
    return Verdict.SKIP if t.success or t.broken else _when_done(t)


def _one_failed(t: Tally) -> Verdict:
    return Verdict.RUN if t.broken else _when_done(t, Verdict.SKIP)


def _one_success(t: Tally) -> Verdict:
    if t.success:
        return Verdict.RUN
    return _when_done(t, Verdict.UPSTREAM_FAILED if t.broken else Verdict.SKIP)


def _one_done(t: Tally) -> Verdict:
    if t.success or t.failed:
        return Verdict.RUN
    return _when_done(t, Verdict.SKIP)


def _none_failed(t: Tally) -> Verdict:
    return Verdict.UPSTREAM_FAILED if t.broken else _when_done(t)


def _none_failed_min_one_success(t: Tally) -> Verdict:
    if t.broken:
        return Verdict.UPSTREAM_FAILED
    return _when_done(t, Verdict.RUN if t.success else Verdict.SKIP)


def _none_skipped(t: Tally) -> Verdict:
    return Verdict.SKIP if t.skipped else _when_done(t)


_RULES: dict[TriggerRule, Callable[[Tally], Verdict]] = {
    TriggerRule.ALL_SUCCESS: _all_success,
    TriggerRule.ALL_FAILED: _all_failed,
    TriggerRule.ALL_DONE: _when_done,
    TriggerRule.ALL_DONE_MIN_ONE_SUCCESS: _all_done_min_one_success,
    TriggerRule.ALL_DONE_SETUP_SUCCESS: _all_done_setup_success,
    TriggerRule.ALL_SKIPPED: _all_skipped,
    TriggerRule.ONE_FAILED: _one_failed,
    TriggerRule.ONE_SUCCESS: _one_success,
    TriggerRule.ONE_DONE: _one_done,
    TriggerRule.NONE_FAILED: _none_failed,
    TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS: _none_failed_min_one_success,
    TriggerRule.NONE_SKIPPED: _none_skipped,
    TriggerRule.ALWAYS: lambda _: Verdict.RUN,
}


def explain(rule: TriggerRule, tally: Tally, guard: Tally | None = None, setup: str = "") -> str:
    """Describe the states of the upstream and of the guards, as the reason of a verdict.

    Args:
        rule: The rule.
        tally: The upstream.
        guard: The guards, if there are any.
        setup: The first setup among them that did not succeed.
    """
    if guard is not None and (guard.broken or guard.skipped):
        return f"setup {setup!r} above it {'failed' if guard.broken else 'was skipped'}"
    parts = [
        f"{count} {word}"
        for count, word in (
            (tally.success, "succeeded"),
            (tally.failed, "failed"),
            (tally.upstream_failed, "had a failed upstream"),
            (tally.skipped, "skipped"),
        )
        if count
    ]
    if tally.pending:
        parts.append(f"{tally.pending} upstream {'task is' if tally.pending == 1 else 'tasks are'} not finished")
    if guard is not None and guard.pending and not tally.pending:
        parts.append(f"{guard.pending} further up {'is' if guard.pending == 1 else 'are'} not finished")
    return f"trigger rule {rule.value}: " + (", ".join(parts) or "no upstream")
