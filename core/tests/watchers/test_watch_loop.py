import select
import threading
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta

import pytest

from penstock.errors import StoreUnavailableError
from penstock.model.assets.file_watch import FileWatch
from penstock.testing import FakeClock
from penstock.watchers.file_look import FileLook, found_file
from penstock.watchers.look_threads import LookThreads
from penstock.watchers.watch_loop import PORTION, SLOW_S, WatchLoop, WatchPorts
from penstock.watchers.watcher_status import keep_statuses, read_statuses


class World:
    """What is stored, what lies there, and a loop between both, whose clock is set."""

    def __init__(self):
        self.wanted, self.there, self.stored = {}, [], {}
        self.reported, self.looks, self.deleted = [], Counter(), []
        self.portions, self.logged, self.kept, self.problem, self.down = [], [], [], "", False
        self.clock = FakeClock()
        self.gate = threading.Event()
        self.gate.set()
        self.loop = None
        self.start()

    def start(self):
        """Begin anew, as a process that was started again."""
        self.loop = WatchLoop(WatchPorts(self, self.look, self.clock, self.keep, self.logged.append))

    def keep(self, statuses):
        self.kept = statuses
        return True

    def look(self, spec, leftover):
        self.gate.wait(60)
        self.looks[spec.path] += 1
        self.deleted += [each.path for each in leftover]
        gone = {each.path for each in leftover}
        self.there = [each for each in self.there if each.path not in gone]
        return FileLook(list(self.there), self.problem)

    def watchers(self):
        return self.wanted

    def known(self, asset, path):
        return dict(self.stored)

    def report(self, asset, path, found, now):
        if self.down:
            raise StoreUnavailableError("the database is gone")
        self.portions.append(len(found))
        fresh = [each for each in found if self.stored.get(each.file) != each.fingerprint]
        self.reported += [each.path for each in fresh]
        self.stored |= {each.file: each.fingerprint for each in fresh}
        return len(fresh)

    def seen(self, asset, files, now):
        self.portions.append(-len(files))

    def turn(self, seconds=0.0):
        """Let time pass, and what is due then be looked at."""
        self.clock.advance(timedelta(seconds=seconds))
        self.loop.step()
        with watched(self.loop) as ended:
            assert ended
        return self.loop.step()


@contextmanager
def watched(loop):
    """Waits for the end of a look."""
    threads = next(each for each in vars(loop).values() if isinstance(each, LookThreads))
    yield select.select([threads], [], [], 60)[0]


@pytest.fixture
def world():
    made = World()
    made.wanted = {"a": [FileWatch("/in/*", interval_s=5.0, settle_s=2.0)]}
    yield made
    made.gate.set()


def test_a_file_is_told_of_once_it_has_settled_and_not_again_after_a_restart(world):
    world.there = [found_file("/in/x", 1, "1")]
    assert world.turn() == 2.0
    world.turn(2.0)
    assert (world.reported, world.looks["/in/*"]) == (["/in/x"], 2)
    world.start()
    world.turn()
    world.turn(5.0)
    assert world.reported == ["/in/x"]


def test_a_store_that_fails_ends_the_loop_and_the_next_one_tells(world):
    world.there, world.wanted = [found_file("/in/x", 1, "1")], {"a": [FileWatch("/in/*", settle_s=0.0)]}
    world.down = True
    with pytest.raises(StoreUnavailableError):
        world.turn()
    world.down = False
    world.start()
    world.turn()
    assert world.reported == ["/in/x"]


def test_many_files_are_told_of_in_portions(world):
    world.wanted = {"a": [FileWatch("/in/*", settle_s=0.0)]}
    world.there = [found_file(f"/in/{number}", 1, "1") for number in range(PORTION + 2)]
    world.turn()
    assert world.portions == [PORTION, 2, -PORTION, -2]
    world.turn(5.0)
    assert len(world.portions) == 4


def test_a_file_is_deleted_at_once_after_it_was_told_of(world):
    world.wanted = {"a": [FileWatch("/in/*", settle_s=0.0, delete=True)]}
    world.there = [found_file("/in/x", 1, "1")]
    world.turn()
    with watched(world.loop):
        world.loop.step()
    assert (world.reported, world.deleted, world.there) == (["/in/x"], ["/in/x"], [])


def test_what_is_watched_follows_what_is_stored(world):
    world.turn()
    world.wanted = {"b": [FileWatch("/out/*")]}
    world.turn(5.0)
    world.turn(5.0)
    assert world.looks == {"/in/*": 1, "/out/*": 2}
    assert [each.path for each in world.kept] == ["/out/*"]


def test_a_look_that_fails_is_told_once_and_kept_until_one_goes_well(world):
    world.problem = "/in cannot be looked at: Permission denied."
    world.turn()
    world.turn(5.0)
    assert world.logged == ["asset a, /in/*: /in cannot be looked at: Permission denied."]
    assert [each.problem for each in world.kept] == [world.problem]
    world.problem = ""
    world.turn(5.0)
    world.turn(5.0)
    assert [each.problem for each in world.kept] == [""]


def test_a_look_that_does_not_end_is_told_and_holds_up_no_other(world):
    world.wanted["b"] = [FileWatch("/out/*")]
    world.gate.clear()
    world.loop.step()
    world.clock.advance(SLOW_S + 1)
    world.loop.step()
    assert ["has not ended" in each.problem for each in world.kept] == [True, True]
    assert world.looks == {}, "and no second look is begun beside it"
    world.gate.set()
    with watched(world.loop):
        world.loop.step()
    assert world.looks.total() >= 1


def test_how_watchers_fare_is_read_by_others_and_a_file_that_is_damaged_says_nothing(world, tmp_path):
    world.turn(5.0)
    world.turn(5.0)
    assert keep_statuses(tmp_path, world.kept)
    assert read_statuses(tmp_path)["a", "/in/*"].files == 0
    (tmp_path / "watchers.json").write_text("{")
    assert read_statuses(tmp_path) == {}
    assert not keep_statuses(tmp_path / "nowhere", world.kept)


def test_a_thousand_watchers_cost_a_look_each_an_interval(world):
    before = threading.active_count()  # those that tests before this one have left
    world.wanted = {f"a{number}": [FileWatch(f"/in/{number}")] for number in range(1_000)}
    world.loop.step()
    while world.looks.total() < 1_000:
        with watched(world.loop):
            world.loop.step()
    world.loop.step()
    assert set(world.looks.values()) == {1}
    assert threading.active_count() < before + 60
