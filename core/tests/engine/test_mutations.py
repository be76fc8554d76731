"""Each protection is taken away once, and something sees it: so that the simulator's rules are known to bite."""

import pytest
from mutations import MUTATIONS
from simulator.setting import world as world_of

MOST_STEPS = 1500
"""Turns after which a world counts as stuck whose protection is gone; sound ones need some hundreds."""


def outcome(caught_by):
    """Play what catches a mutation; what is raised says that it is caught."""
    if callable(caught_by):
        caught_by()
    else:
        world_of(caught_by, max_steps=MOST_STEPS).run()


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_protection_that_is_taken_away_is_missed(name, monkeypatch):
    mutation, caught_by = MUTATIONS[name]
    mutation(monkeypatch)
    with pytest.raises(AssertionError):
        outcome(caught_by)


def test_nothing_is_missed_while_all_protections_are_there():
    for caught_by in dict.fromkeys(caught_by for _, caught_by in MUTATIONS.values()):
        outcome(caught_by)
