"""What trigger rules say, written down a second time and apart from the engine."""

from collections import Counter

from penstock.model.state import TaskState, TriggerRule

S = TaskState
BROKEN = (S.FAILED, S.UPSTREAM_FAILED, S.CANCELLED)


def allowed(
    rule: TriggerRule, tallies: Counter[TaskState], setups: Counter[TaskState], *, done: bool, any_upstream: bool
) -> TaskState | None:
    """What a trigger rule says, written down a second time: SCHEDULED, SKIPPED, UPSTREAM_FAILED, or None to wait."""
    if not any_upstream or rule is TriggerRule.ALWAYS:
        return S.SCHEDULED
    success, skipped = tallies[S.SUCCESS], tallies[S.SKIPPED]
    failed = tallies[S.FAILED] + tallies[S.CANCELLED]
    upstream = tallies[S.UPSTREAM_FAILED]
    broken = failed + upstream
    setup_broken = sum(setups[s] for s in BROKEN)
    # For each rule: runs early if, ends early if (with which state), what it does once all is done.
    R, K, U = S.SCHEDULED, S.SKIPPED, S.UPSTREAM_FAILED  # noqa: N806 - one letter a state keeps the table readable
    early = {
        TriggerRule.ALL_SUCCESS: U if broken else K if skipped else None,
        TriggerRule.ALL_FAILED: K if success or skipped else None,
        TriggerRule.ALL_SKIPPED: K if success or broken else None,
        TriggerRule.ONE_FAILED: R if broken else None,
        TriggerRule.ONE_SUCCESS: R if success else None,
        TriggerRule.ONE_DONE: R if success or failed else None,
        TriggerRule.NONE_FAILED: U if broken else None,
        TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS: U if broken else None,
        TriggerRule.NONE_SKIPPED: K if skipped else None,
    }.get(rule)
    if early is not None or not done:
        return early
    return {
        TriggerRule.ALL_DONE_MIN_ONE_SUCCESS: R if success else U if broken else K,
        TriggerRule.ALL_DONE_SETUP_SUCCESS: R if setups[S.SUCCESS] or not setups else U if setup_broken else K,
        TriggerRule.ONE_FAILED: K,
        TriggerRule.ONE_SUCCESS: U if broken else K,
        TriggerRule.ONE_DONE: K,
        TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS: R if success else K,
    }.get(rule, R)
