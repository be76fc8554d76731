import random
from collections import Counter

import pytest
from simulator.__main__ import main
from simulator.setting import world as world_of

from penstock_testkit.nightly import at_night

REPLAY = "replay: python core/tests/engine/simulator --seed {} --log"

SHOWN, WORLDS, PARTS = 62, at_night(1000, 70), at_night(24, 1)
"""The first of the worlds show all that can happen in them; the others are shared by so many tests. `nox -s simulate` has thousands."""

CLAIMS = [
    "PAUSE of", "CLOCK off", "DATABASE locked", "DAMAGE", "ODD REQUEST", "it has failed", "it was not carried out",
    "THE SCHEDULER ENDED", "THE SCHEDULER WAS STOPPED", "CRASH before the commit", "CRASH after the commit",
    "CRASH before handing over", "CRASH after handing over", "CRASH at what a try told",
    "TryRecovered", "TryInterrupted", "sent no heartbeat for it", "worker died",
    "CancelRun", "ClearTasks", "MarkTask", "MarkRun", "RunVersionChanged", "paused=True", "PoolsUpdated", "Kill(",
    "BackfillAdded", "SetBackfill", "BackfillState.PAUSED", "BackfillState.CANCELLED", "BackfillState.FINISHED", "was cancelled'",
    "cut off by", "mapped over nothing", "boom", "run timeout", "fell due while it ran (overlap='cancel')", "overlap='skip'",
]  # fmt: skip
"""What happens in these worlds, by the words of their logs."""


def played(seed):
    """The world of a seed, to its end."""
    world = world_of(seed)
    try:
        world.run()
    except Exception as error:
        error.add_note(REPLAY.format(seed))
        raise
    return world


@pytest.mark.timeout(600)
def test_whatever_fails_every_run_ends_and_every_rule_holds():
    seen, late, tries, steps, events = set(), 0, 0, Counter(), Counter()
    for seed in range(SHOWN):
        world = played(seed)
        text = "\n".join(world.log)
        seen |= {claim for claim in CLAIMS if claim in text}
        late, tries = late + len(world.rows.late), tries + len(world.rows.tries)
        events.update({name: getattr(world.assets, name) for name in ("made", "outside", "runs")})
        steps.update({name: getattr(world.steps_kept, name) for name in ("kept", "found", "left")})
    assert seen == {*CLAIMS}
    assert (late > 0, tries > 300) == (True, True)
    assert min(events["made"], events["outside"], events["runs"]) > 0, events
    assert min(steps["kept"], steps["found"], steps["left"]) > 0, steps


@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(PARTS))
def test_every_rule_holds_in_many_worlds(part):
    for seed in range(SHOWN + part, WORLDS, PARTS):
        played(seed)


@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_every_rule_holds_in_worlds_that_nobody_has_seen():
    for _ in range(40):
        played(random.randrange(WORLDS, 10**9))  # a failure names its seed


def test_a_seed_gives_the_same_history_again():
    histories = []
    for _ in range(2):
        world = world_of(12)
        world.run()
        histories.append([line for line in world.log if str(world.folder) not in line and " object" not in line])
    assert histories[0] == histories[1]


def test_a_failing_seed_is_named_with_the_way_to_replay_it(capsys):
    assert main(["--seed", "7", "--max-steps", "3"]) == 1
    assert "replay: python core/tests/engine/simulator --seed 7 --log" in capsys.readouterr().out
