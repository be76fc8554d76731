"""Each protection is taken away once, and something sees it: so that the simulator's rules are known to bite."""

import pytest
from mutations import MUTATIONS
from simulator.setting import world as world_of

from penstock.errors import InternalError
from penstock_testkit.nightly import thinned

MOST_STEPS = 1500
"""Turns after which a world counts as stuck whose protection is gone; sound ones need some hundreds."""


MOST_SEEDS = 200
"""Seeds in which a mutation must be caught; the one that is known to is played first, and most often no other."""


def play(caught_by):
    """Play a scenario, or the world of a seed; what is raised says that something was missed."""
    if callable(caught_by):
        caught_by()
    else:
        world_of(caught_by, max_steps=MOST_STEPS).run()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", thinned(MUTATIONS, 4))
def test_a_protection_that_is_taken_away_is_missed(name, monkeypatch):
    mutation, caught_by = MUTATIONS[name]
    mutation(monkeypatch)
    tried = [caught_by] if callable(caught_by) else [caught_by, *range(MOST_SEEDS)]
    # The code may trip over what is gone before a rule sees it.
    with pytest.raises((AssertionError, InternalError)):  # noqa: PT012 - the first that sees it is enough
        for each in tried:
            play(each)


def test_nothing_is_missed_while_all_protections_are_there():
    for caught_by in dict.fromkeys(caught_by for _, caught_by in MUTATIONS.values()):
        play(caught_by)
