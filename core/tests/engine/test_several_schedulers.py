"""Worlds of several schedulers, which are killed, stopped, paused and replaced; see `test_simulation` for those of one."""

import pytest
from several_mutations import MUTATIONS

from penstock.testing.simulation.several.several import SeveralSchedulers
from penstock_testkit.nightly import at_night, thinned

WORLDS, PARTS, MOST_SEEDS = at_night(100, 9), at_night(5, 1), 200
CLAIMS = [
    "CRASH",
    "PAUSE",
    "STOP",
    "HAS STOPPED",
    "has taken over from scheduler",
    "DATABASE locked",
    "TryRecovered",
    "is gone",
]
"""What happens in these worlds, by the words of their logs."""


def played(seed):
    """The world of a seed, to its end."""
    world = SeveralSchedulers(seed)
    try:
        world.run()
    except Exception as error:
        error.add_note(f"several schedulers, seed {seed}")
        raise
    return world


@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(PARTS))
def test_each_dag_has_one_owner_and_limits_hold_whatever_becomes_of_schedulers(part):
    seen, adopted = set(), 0
    for seed in range(part, WORLDS, PARTS):
        world = played(seed)
        text = "\n".join(world.log)
        seen |= {claim for claim in CLAIMS if claim in text}
        adopted += world.adopted
    assert seen == {*CLAIMS}
    assert adopted > WORLDS / PARTS


def test_a_seed_gives_the_same_history_again():
    first, again = ([line.replace(str(world.folder), "") for line in world.log] for world in (played(1), played(1)))
    assert first == again


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", thinned(MUTATIONS, 2))
def test_a_protection_that_is_taken_away_is_missed(name, monkeypatch):
    mutation, seed = MUTATIONS[name]
    mutation(monkeypatch)
    with pytest.raises(AssertionError):  # noqa: PT012 - the first that sees it is enough
        for each in (seed, *range(MOST_SEEDS)):
            played(each)
