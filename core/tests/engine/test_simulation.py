import pytest
from simulator.__main__ import main
from simulator.world import World

REPLAY = "replay: python core/tests/engine/simulator --seed {} --log"


@pytest.mark.parametrize("block", range(10))
def test_whatever_fails_every_run_ends_and_every_rule_holds(block):
    for seed in range(20 * block, 20 * block + 20):
        world = World(seed)
        try:
            world.run()
        except Exception as error:
            error.add_note(REPLAY.format(seed))
            raise


@pytest.mark.parametrize("seed", range(5))
def test_a_seed_gives_the_same_history_again(seed):
    histories = []
    for _ in range(2):
        world = World(seed)
        world.run()
        histories.append([line for line in world.log if "Raw object" not in line])
    assert histories[0] == histories[1]


def test_the_simulation_does_what_it_claims():
    worlds = [World(seed) for seed in range(40)]
    for world in worlds:
        world.run()
    lines = [line for world in worlds for line in world.log]
    told = [
        "PAUSE of",
        "CLOCK off",
        "TryRecovered",
        "CRASH before",
        "CRASH after",
        "CancelRun",
        "ClearTasks",
        "MarkTask",
        "RunVersionChanged",
        "sent no heartbeat for it",
        "worker died",
    ]
    told += ["cut off by", "mapped over nothing", "boom", "cannot expand", "Kill(", "paused=True", "PoolsUpdated"]
    assert [word for word in told if not any(word in line for line in lines)] == []
    assert any(world.store.late for world in worlds)
    assert sum(len(world.store.tries) for world in worlds) > 500


def test_a_failing_seed_is_named_with_the_way_to_replay_it(capsys):
    assert main(["--seeds", "2"]) == 0
    assert main(["--seed", "7", "--max-steps", "3"]) == 1
    assert "replay: python core/tests/engine/simulator --seed 7 --log" in capsys.readouterr().out
