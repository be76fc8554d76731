"""The protections of several schedulers, each with the change of the real code that takes it away."""

from penstock.scheduler.sharing import lending
from penstock.scheduler.sharing.lending import Portion
from penstock.scheduler.sharing.takeover import RoleLease
from penstock.store.schedulers.lease import SchedulerLease


def unfenced(patch):
    """No transaction asks whether its scheduler still has its role."""
    patch.setattr(SchedulerLease, "_judge", lambda *_: None)


def ends_ignored(patch):
    """A lease that has ended is of no matter."""
    patch.setattr(SchedulerLease, "take_over", lambda _: False)


def lent_twice(patch):
    """A scheduler has what it wants, whether or not so much is free."""

    def portion(limit, used, mine, others):
        amount = max(used, lending._target(limit, mine, others))
        return Portion(amount, amount)

    patch.setattr(lending, "portion", portion)


def never_returned(patch):
    """What was lent stays where it is."""
    portion = lending.portion

    def kept(limit, used, mine, others):
        found = portion(limit, used, mine, others)
        return Portion(max(found.amount, mine.amount), max(found.here, mine.amount))

    patch.setattr(lending, "portion", kept)


def not_waited_for(patch):
    """Whoever takes over does not wait for what may live on another machine."""
    patch.setattr(RoleLease, "wait_for_others", lambda _: None)


MUTATIONS = {
    "ownership token": (unfenced, 1),
    "end of a scheduler's lease": (ends_ignored, 0),
    "free slots alone are lent": (lent_twice, 0),
    "lent slots come back": (never_returned, 2),
    "tries of another machine are waited for": (not_waited_for, 0),
}
"""Each protection with its mutation, and the seed of a world in which it is missed."""
