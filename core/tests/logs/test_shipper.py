"""Logs reach the log store whole and once, whatever happens on the way."""

import errno
import os
import signal
import threading

import pytest

from penstock.errors import PluginError
from penstock.logs import shipper as module
from penstock.logs.log_names import log_name
from penstock_testkit.nightly import nightly_but

LOG = "dag/run/task/1.log"
CHUNK = 4096


def read_only(*_, **__):
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


def test_a_log_is_shipped_while_it_grows_and_sealed_once_its_try_has_ended(yard):
    """apache/airflow#67144: each upload of a log wrote the whole of it again."""
    shipper = yard.shipper()
    yard.open.add(yard.folder / LOG)
    yard.write(LOG, 10)
    assert shipper.step() == 5.0
    assert (yard.pieces(LOG)[0], yard.store.sealed(LOG), yard.marks()) == ([10], None, ["1.shipped-10"])
    text = yard.write(LOG, 2 * CHUNK + 7)
    shipper.step()
    assert (yard.pieces(LOG), yard.store.sealed(LOG)) == (([10, CHUNK, CHUNK, 7], text), None)
    shipper.step()
    assert yard.pieces(LOG)[1] == text, "nothing new, no piece"
    yard.open.clear()
    shipper.step()
    assert (yard.store.sealed(LOG), yard.marks()) == (len(text), [f"1.sealed-{len(text)}"])
    assert b"".join(yard.store.read(LOG)) == text
    assert b"".join(yard.store.read(LOG, CHUNK)) == text[CHUNK:]


def test_what_comes_after_the_seal_is_shipped_and_sealed_anew(yard):
    shipper = yard.shipper()
    yard.write(LOG, 10)
    shipper.step()
    text = yard.write(LOG, 5)
    shipper.step()
    assert (yard.pieces(LOG), yard.store.sealed(LOG), yard.marks()) == (([10, 5], text), 15, ["1.sealed-15"])


def test_nothing_is_looked_at_while_nothing_runs(yard, monkeypatch):
    shipper = yard.shipper()
    shipper.step()
    monkeypatch.setattr(module, "local_logs", lambda _: pytest.fail("it looked"))
    assert shipper.step() == 5.0
    yard.clock.advance(61)
    with pytest.raises(pytest.fail.Exception):
        shipper.step()


@pytest.mark.filterwarnings(
    "ignore:.*multi-threaded.*fork:DeprecationWarning"
)  # idle threads of shippers of other tests
@pytest.mark.parametrize("when", nightly_but(["kill_after"], ["kill_before", "kill_after"]))
def test_every_byte_is_there_once_wherever_the_shipper_is_killed(yard, when):
    """Five logs of up to three pieces and a seal: a child is killed at each of its calls in turn, and the next one goes on.

    apache/airflow#50007: a task that was killed left no log.
    """
    names = [f"dag/run/task{number}/1.log" for number in range(5)]
    texts = {name: yard.write(name, 1000 + 2500 * number) for number, name in enumerate(names)}
    ends = []
    while signal.SIGKILL in ends[-1:] or not ends:
        setattr(yard.store, when, 1 + len(ends) % 3)
        pid = os.fork()
        if pid == 0:
            shipper = yard.shipper()
            while shipper.step() == 0.0:
                pass
            os._exit(0)
        ends.append(os.WTERMSIG(os.waitpid(pid, 0)[1]))
    assert len(ends) > 5
    assert {name: yard.pieces(name)[1] for name in names} == texts
    assert {name: yard.store.sealed(name) for name in names} == {name: len(text) for name, text in texts.items()}


def test_a_killed_shipper_of_which_the_log_has_grown_since_leaves_no_gap_and_no_doubling(yard):
    yard.write(LOG, 100)
    yard.store.append(LOG, 0, (yard.folder / LOG).read_bytes())  # and then it was killed, before it could mark that
    text = yard.write(LOG, 300)
    yard.shipper().step()
    assert yard.pieces(LOG) == ([100, 300], text)


def test_a_store_that_is_away_costs_no_log_and_is_told_once(yard):
    """apache/airflow#29393: a store that was away was told of without an end."""
    shipper = yard.shipper()
    texts = {name: yard.write(name, CHUNK + 1) for name in (f"dag/run/t{number}/1.log" for number in range(80))}
    yard.store.away = True
    assert [shipper.step() for _ in range(7)] == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert yard.store.calls <= 7 * 2 * module.THREADS, "a store that is away is not asked for each log"
    (line,) = yard.told
    assert line.startswith("logs do not reach mem://logs: SystemExit: no answer to ***. They stay in ")
    assert (yard.reports[-1].fault, yard.reports[-1].since) == ("SystemExit: no answer to ***", yard.clock.now())
    yard.store.away = False
    while shipper.step() == 0.0:
        pass
    assert {name: yard.pieces(name)[1] for name in texts} == texts
    assert yard.told[1:] == ["logs reach mem://logs again"]
    assert (yard.reports[-1].fault, yard.reports[-1].waiting_mb) == ("", 0)


def test_one_log_that_the_store_refuses_holds_up_no_other(yard):
    shipper = yard.shipper()
    yard.store.refused = "bad"
    yard.write("dag/run/bad/1.log", 10)
    texts = {name: yard.write(name, 10) for name in (f"dag/run/t{number}/1.log" for number in range(40))}
    shipper.step()
    assert {name: yard.pieces(name)[1] for name in texts} == texts
    assert "no answer" in yard.told[0]


def test_shipped_logs_go_oldest_first_when_the_buffer_is_full_and_others_never(yard):
    shipper = yard.shipper(buffer_bytes=3 * CHUNK)
    for number in range(6):
        yard.write(f"dag/run/t{number}/1.log", CHUNK)
        os.utime(yard.folder / f"dag/run/t{number}/1.log", (number, number))
    yard.open.add(yard.folder / "dag/run/t0/1.log")
    yard.store.refused = "t1"
    shipper.step()
    left = sorted(path.parent.name for path in yard.folder.rglob("*.log"))
    assert left == ["t0", "t1", "t5"], "t0 still runs, t1 is not in the store"
    assert yard.marks() == [f"1.sealed-{CHUNK}", f"1.shipped-{CHUNK}"]
    yard.store.away = True
    for number in range(6, 9):
        yard.write(f"dag/run/t{number}/1.log", CHUNK)
    shipper.step()
    assert {path.parent.name for path in yard.folder.rglob("*.log")} == {"t0", "t1", "t6", "t7", "t8"}
    assert yard.reports[-1].over
    assert "nothing is deleted before it is" in yard.told[-1]


def test_a_report_that_finds_no_room_is_kept_later(yard):
    shipper = yard.shipper()
    yard.write(LOG, 10)
    yard.full = True
    shipper.step()
    yard.full, yard.live = False, True
    shipper.step()
    assert yard.reports[-2] == yard.reports[-1]
    shipper.step()
    assert len(yard.reports) == 2


def test_what_is_no_file_is_no_log(yard):
    (yard.folder / "dag/run/pipe").mkdir(parents=True)
    os.mkfifo(yard.folder / "dag/run/pipe/1.log")
    (yard.folder / "dag/run/folder/1.log").mkdir(parents=True)
    text = yard.write(LOG, 10)
    yard.shipper().step()
    assert yard.pieces(LOG) == ([10], text)
    assert yard.reports[-1].fault == ""


def test_a_disk_that_is_read_only_when_logs_are_to_go_is_told(yard, monkeypatch):
    yard.write("dag/run/t/1.log", CHUNK)
    yard.shipper().step()
    monkeypatch.setattr(os, "unlink", read_only)
    assert yard.shipper(buffer_bytes=1).step() == 1.0
    assert "Read-only file system" in yard.reports[-1].fault


def test_empty_folders_go_but_for_those_of_tries_that_run(yard):
    shipper = yard.shipper(buffer_bytes=CHUNK)
    for name in ("old/run/t/1.log", "new/run/t/1.log", "new/run/u/1.log"):
        yard.write(name, CHUNK)
    yard.open.add(yard.folder / "new/run/u/1.log")
    shipper.step()
    yard.clock.sleep_until(yard.clock.now().replace(year=2100))
    yard.write("new/run/v/1.log", CHUNK)
    shipper.step()
    assert {str(each.relative_to(yard.folder)) for each in yard.folder.glob("*/*/*") if each.is_dir()} <= {
        "new/run/u", "new/run/v",
    }  # fmt: skip


def test_a_store_that_does_not_answer_ends_the_shipper(yard):
    release = threading.Event()

    class Hung:
        def append(self, log, offset, data):
            release.wait(60)
            return len(data)

        def seal(self, log, size):
            pass

    class Hasty:
        """Five minutes pass whenever somebody asks for the time."""

        def __init__(self, clock):
            self.now, self._clock = clock.now, clock

        def read(self):
            self._clock.advance(301)
            return self._clock.read()

    yard.store = Hung()
    yard.write(LOG, 10)
    try:
        with pytest.raises(PluginError, match="mem://logs has not answered for 300 s"):
            yard.shipper(clock=Hasty(yard.clock)).step()
    finally:
        release.set()


@pytest.mark.parametrize("answer", [None, 0, -1, "10", True, 11])
def test_nonsense_of_a_store_is_told(yard, answer):
    yard.store.append = lambda log, offset, data: answer
    yard.write(LOG, 10)
    yard.shipper().step()
    assert f"answered {answer!r} to 10 bytes" in yard.told[0]


def test_no_part_of_a_name_is_longer_than_a_file_system_takes(tmp_path):
    made = [log_name("me", tmp_path, tmp_path / ("ä" * 100 + end)) for end in ("a", "b")]
    assert (len(made[0]), made[0][:-32] == made[1][:-32], made[0] == made[1]) == (203, True, False)


def test_names_in_the_store_are_safe_in_every_url_and_differ_where_paths_do(tmp_path):
    made = {
        log_name("me", tmp_path, tmp_path / path) for path in ("a b", "a=20b", "a%20b", "ä", "[0]/x.log", "x.log/1")
    }
    assert made == {"me/a=20b", "me/a=3d20b", "me/a=2520b", "me/=c3=a4", "me/=5b0=5d/x.log", "me/x.log/1"}


def test_a_try_that_begins_and_ends_between_two_looks_of_its_run_is_shipped_at_the_next(yard):
    shipper = yard.shipper()
    yard.newest, yard.live = 1, True
    shipper.step()  # its run is there, and no try of it yet
    log = yard.folder / "dag" / "run" / "task" / "1.log"
    log.parent.mkdir(parents=True)
    log.write_bytes(b"short")
    yard.live = False
    shipper.step()
    assert yard.pieces("dag/run/task/1.log") == ([5], b"short")
