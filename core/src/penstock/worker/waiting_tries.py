"""Which tries a worker gives back: those beyond its slots that have not begun as soon as it had seemed."""

from collections.abc import Iterable

from penstock.worker.worker_try import WorkerTry

GIVE_BACK_S = 1.0
"""Seconds after its claim in which a try beyond the slots is to have begun."""
LOOK_S = 0.25
"""Seconds between two looks."""
REASON = "others are to have it"


def to_give_back(tries: Iterable[WorkerTry], slots: int, now_s: float, after_s: float = GIVE_BACK_S) -> list[WorkerTry]:
    """The tries of a worker that others are to have, those that came last first.

    Args:
        tries: All that it has, in the order in which it claimed them.
        slots: Tries that it runs at once: so many stay, whether they have begun or not.
        now_s: The monotonic instant.
        after_s: Seconds for which a try may wait.
    """
    left = [each for each in tries if each.end is None and not each.giving_back]
    waiting = [each for each in left if each.began_s is None and not (each.cancel_reason or each.gone)]
    excess = [each for each in reversed(waiting) if now_s - each.claimed_s >= after_s]
    return excess[: max(0, len(left) - slots)]
