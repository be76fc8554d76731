"""Sensors wait in a shared process: none holds a slot, and none hurts another."""

import os
import signal
import time

import pytest

from penstock.model.dag import SensorPolicy
from penstock.model.state import Outcome
from penstock.spec.executor import SensorWait

SENSORS = """
class Exists(Sensor):
    template_fields = ("path",)
    def __init__(self, *, path, journal="", **kwargs):
        super().__init__(**kwargs)
        self.path, self.journal = path, journal
    def poke(self, context):
        if self.journal:
            with open(self.journal, "a") as journal: journal.write("poke\\n")
        print("looking for", self.path)
        self.log.info("logged for %s", self.path)
        return os.path.exists(self.path)
class Blocks(Sensor):
    def poke(self, context): time.sleep(600)
class Raises(Sensor):
    def poke(self, context): raise ValueError("the service is upside down")
class Soon(Sensor):
    async def poke(self, context):
        import asyncio
        await asyncio.sleep(0.01)
        return PokeResult(True, {"found": 7})
class Alike(Sensor):
    def __init__(self, *, folder, **kwargs):
        super().__init__(**kwargs)
        self.folder = folder
    def told(self, what):
        with open(self.folder + "/told", "a") as told: told.write(what + "\\n")
    def poke_key(self):
        self.told("waits")
        return "one"
    def poke(self, context):
        self.told("poke")
        return bool(open(self.folder + "/answer").read())
class Dated(Sensor):
    def poke(self, context): return context["run_id"] == "r"
"""


@pytest.fixture
def folder(bench, tmp_path):
    bench.write(
        SENSORS + f"Exists(task_id='exists', path='{tmp_path}/it', journal='{tmp_path}/journal')\n"
        "Blocks(task_id='blocks')\nRaises(task_id='raises')\nSoon(task_id='soon')\nDated(task_id='dated')\n"
        f"Exists(task_id='templated', path='{tmp_path}/{{{{ run_id }}}}')\n"
        f"Alike(task_id='alike', folder='{tmp_path}')\n"
        f"Exists(task_id='soft', path='{tmp_path}/never', soft_fail=True)\n"
        "@task\ndef ok(): return 1\nok()"
    )
    return tmp_path


def sensor(poke_interval_s=0.05, timeout_s=30.0, waited_s=0.0):
    return {"wait": SensorWait(SensorPolicy(poke_interval_s=poke_interval_s, timeout_s=timeout_s), waited_s)}


def test_a_sensor_waits_without_a_slot_and_ends_when_its_condition_comes_true(bench, folder):
    [waiting] = bench.submit("exists", **sensor())
    bench.wait_started(waiting)
    assert bench.executor._used == 0
    assert bench.run("ok").outcome is Outcome.SUCCESS
    assert bench.finished(waiting) is None
    (folder / "it").touch()
    assert bench.wait(waiting)[0].outcome is Outcome.SUCCESS
    assert "looking for" in bench.log(waiting)
    assert "logged for" in bench.log(waiting)


def test_an_async_poke_may_leave_a_value(bench, folder):
    assert bench.run("soon", **sensor()).xcoms["return_value"].json == b'{"found":7}'


def test_a_sensor_gives_up_after_its_timeout_and_is_not_repeated(bench, folder):
    finished = bench.run("exists", **sensor(timeout_s=0.3))
    assert (finished.outcome, finished.retryable) == (Outcome.FAILED, False)
    assert "gave up" in finished.error


def test_the_time_waited_before_a_lost_waiter_counts(bench, folder):
    before = time.monotonic()
    finished = bench.run("exists", **sensor(timeout_s=3600.0, waited_s=3599.9))
    assert finished.outcome is Outcome.FAILED
    assert time.monotonic() - before < 30


def test_soft_fail_skips(bench, folder):
    assert bench.run("soft", **sensor(timeout_s=0.1)).outcome is Outcome.SKIPPED


def test_a_poke_that_raises_fails_its_own_try_alone(bench, folder):
    [waiting] = bench.submit("exists", **sensor())
    [raising] = bench.submit("raises", **sensor())
    [finished] = bench.wait(raising)
    assert finished.outcome is Outcome.FAILED
    assert "upside down" in finished.error
    assert "Traceback" in bench.log(raising)
    assert "upside down" in bench.log(raising)
    (folder / "it").touch()
    assert bench.wait(waiting)[0].outcome is Outcome.SUCCESS


def test_pokes_that_block_hurt_no_other(bench, folder):
    bench.submit(*["blocks"] * 8, **sensor())
    [waiting] = bench.submit("exists", **sensor())
    (folder / "it").touch()
    assert bench.wait(waiting)[0].outcome is Outcome.SUCCESS


def test_identical_pokes_are_made_once_for_all(bench, folder):
    requests = bench.submit(*["exists"] * 50, **sensor(poke_interval_s=0.2))
    for request in requests:
        bench.wait_started(request)
    journal = folder / "journal"
    bench.until(journal.exists)
    before, since = len(journal.read_text().splitlines()), time.monotonic()
    bench.until(lambda: time.monotonic() - since > 1.0)
    made = len(journal.read_text().splitlines()) - before
    assert made <= 20 * (time.monotonic() - since), (
        "50 sensors that poke five times a second would have made about 250 pokes"
    )
    (folder / "it").touch()
    assert {f.outcome for f in bench.wait(*requests)} == {Outcome.SUCCESS}


def test_who_comes_during_an_identical_poke_waits_for_the_next_which_is_for_all(bench, folder):
    """However many wait for one thing, it is asked for once an interval: 1,000 sensors make one listing, not 1,000."""
    os.mkfifo(folder / "answer")  # a poke reads its answer from it, and so waits until there is one

    def told(what):
        return (folder / "told").read_text().splitlines().count(what) if (folder / "told").exists() else 0

    hourly = sensor(poke_interval_s=3600.0)
    first = bench.submit("alike", **hourly)
    bench.until(lambda: told("poke") == 1)
    others = bench.submit(*["alike"] * 20, **hourly)
    bench.until(lambda: told("waits") == 21)
    (folder / "answer").write_text("")
    bench.until(lambda: told("poke") == 2)
    (folder / "answer").write_text("yes")
    assert {each.outcome for each in bench.wait(*first, *others)} == {Outcome.SUCCESS}
    assert told("poke") == 2


def test_a_poke_that_hangs_keeps_others_like_it_back_for_a_while_only(bench, folder):
    bench.write(
        SENSORS + f"Alike(task_id='alike', folder='{folder}')",
        head="import os, time, penstock.execute.sensors.waiter as waiter\nwaiter.STUCK_S = 0.1\n"
        "from penstock import *\nwith DAG('d'):\n",
    )
    os.mkfifo(folder / "answer")  # nobody writes into it
    for pokes in (1, 2):
        bench.submit("alike", **sensor(poke_interval_s=3600.0))
        bench.until(lambda: (folder / "told").exists() and (folder / "told").read_text().count("poke") == pokes)  # noqa: B023


def test_a_poke_that_reads_its_context_is_not_shared(bench, folder):
    mine, other = bench.submit("dated", **sensor()), bench.submit("dated", **sensor(), run_id="other")
    assert bench.wait(*mine)[0].outcome is Outcome.SUCCESS
    assert bench.finished(other[0]) is None
    bench.cancel(other[0])


def test_templates_are_rendered_for_each_run(bench, folder):
    [waiting] = bench.submit("templated", **sensor(), run_id="some-run")
    (folder / "some-run").touch()
    [end] = bench.wait(waiting)
    assert (end.outcome, end.rendered) == (Outcome.SUCCESS, {"path": f"{folder}/some-run"})


def test_a_cancelled_sensor_answers_at_once_and_the_others_wait_on(bench, folder):
    first, second = bench.submit("exists", "exists", **sensor())
    bench.wait_started(first)
    assert bench.cancel(first).outcome is Outcome.CANCELLED
    (folder / "it").touch()
    assert bench.wait(second)[0].outcome is Outcome.SUCCESS


def test_a_killed_waiter_loses_its_sensors_and_the_next_ones_get_a_new_one(bench, folder):
    [waiting] = bench.submit("exists", **sensor())
    pid = bench.wait_started(waiting)
    os.kill(pid, signal.SIGKILL)
    assert bench.wait(waiting)[0].outcome is Outcome.LOST
    [again] = bench.submit("exists", **sensor())
    (folder / "it").touch()
    assert bench.wait(again)[0].outcome is Outcome.SUCCESS
    assert bench.wait_started(again) != pid


def test_two_thousand_sensors_wait_in_one_process(bench, folder):
    requests = bench.submit(*["exists"] * 2000, **sensor(poke_interval_s=0.5))
    bench.until(lambda: all(bench.started(request) for request in requests[-5:]))
    assert len({event.pid for event in bench.events if hasattr(event, "pid")}) == 1
    (folder / "it").touch()
    bench.wait(*requests, seconds=60)
    assert bench.log_path(requests[0]).exists()


def test_no_more_plain_pokes_run_at_once_than_there_are_threads(narrow_bench, tmp_path):
    bench = narrow_bench
    bench.write(
        "class Slow(Sensor):\n"
        "    n = 0\n"
        "    def __init__(self, *, number, **kwargs):\n"
        "        super().__init__(**kwargs)\n"
        "        self.number = number\n"
        "    def poke(self, context):\n"
        "        Slow.n += 1\n"
        "        print('at once:', Slow.n)\n"
        "        time.sleep(0.2)\n"
        "        Slow.n -= 1\n"
        "        return True\n" + "".join(f"Slow(task_id='s{i}', number={i})\n" for i in range(6))
    )
    requests = [bench.submit(f"s{i}", **sensor())[0] for i in range(6)]
    assert {f.outcome for f in bench.wait(*requests)} == {Outcome.SUCCESS}
    said = [int(line.rpartition(" ")[2]) for line in bench.log().splitlines()]
    assert (len(said), max(said) <= 2) == (6, True)


KILLED = """
class Job(Sensor):
    def __init__(self, *, folder, **kwargs):
        super().__init__(**kwargs)
        self.folder = folder
    def said(self, what):
        with open(f"{self.folder}/journal", "a") as journal: journal.write(what + "\\n")
    def poke(self, context):
        self.said("poke")
        while os.path.exists(f"{self.folder}/busy"): time.sleep(0.01)
        self.said("poked")
    def on_kill(self):
        print("cleans up after", get_current_context()["run_id"])
        while os.path.exists(f"{self.folder}/stuck"): time.sleep(0.01)
        self.said("killed")
class Raises(Job):
    def on_kill(self): raise ValueError("the service is upside down")
"""


@pytest.fixture
def journal(bench, tmp_path):
    bench.write(
        KILLED + f"Job(task_id='job', folder='{tmp_path}')\nRaises(task_id='raises', folder='{tmp_path}')\n"
        "@task\ndef ok(): return 1\nok()"
    )
    return lambda: (tmp_path / "journal").read_text().split() if (tmp_path / "journal").exists() else []


def test_a_cancelled_wait_ends_with_the_tasks_on_kill(bench, journal):
    [waiting] = bench.submit("job", **sensor())
    bench.until(lambda: "poked" in journal())
    assert bench.cancel(waiting).outcome is Outcome.CANCELLED
    assert journal()[-1] == "killed"
    assert "cleans up after r" in bench.log(waiting)


def test_a_wait_that_is_given_up_ends_with_the_tasks_on_kill(bench, journal):
    assert bench.run("job", **sensor(timeout_s=0.2)).outcome is Outcome.FAILED
    assert journal().count("killed") == 1


def test_on_kill_comes_after_the_poke_in_progress(bench, journal, tmp_path):
    (tmp_path / "busy").touch()
    [waiting] = bench.submit("job", **sensor())
    bench.until(lambda: journal() == ["poke"])
    bench.executor.cancel([(waiting.key, waiting.epoch)], "cancelled by a person")
    assert bench.run("ok").outcome is Outcome.SUCCESS  # the cancel has gone the same way, before
    assert journal() == ["poke"]
    (tmp_path / "busy").unlink()
    assert bench.wait(waiting)[0].outcome is Outcome.CANCELLED
    assert journal() == ["poke", "poked", "killed"]


@pytest.mark.parametrize("what", ["busy", "stuck"])
def test_a_wait_that_does_not_clean_up_in_time_is_answered_for_all_the_same(bench, journal, tmp_path, what):
    (tmp_path / what).touch()
    [waiting] = bench.submit("job", grace_s=0.2, **sensor())
    bench.until(lambda: "poke" in journal())
    assert bench.cancel(waiting).outcome is Outcome.CANCELLED
    assert "what it began may go on" in bench.log(waiting)
    (tmp_path / what).unlink()


def test_an_on_kill_that_raises_is_told_and_its_wait_ends(bench, journal):
    [waiting] = bench.submit("raises", **sensor())
    bench.until(lambda: "poked" in journal())
    assert bench.cancel(waiting).outcome is Outcome.CANCELLED
    assert "upside down" in bench.log(waiting)


def test_a_wait_that_is_cancelled_before_it_began_is_poked_no_more(bench, journal):
    [waiting] = bench.submit("job", **sensor())
    assert bench.cancel(waiting).outcome is Outcome.CANCELLED
    [other] = bench.submit("job", **sensor())
    bench.wait_started(other)
    assert bench.cancel(other).outcome is Outcome.CANCELLED
    assert journal().count("poke") == journal().count("poked") <= 2


def test_a_poke_that_asks_when_its_wait_has_ended_is_refused_and_does_not_wait_for_ever(bench, tmp_path):
    bench.write(
        "class Late(Sensor):\n"
        "    def poke(self, context):\n"
        f"        open('{tmp_path}/begun', 'w').close()\n"
        f"        while not os.path.exists('{tmp_path}/gate'): time.sleep(0.01)\n"
        "        try: Variable.get('x')\n"
        f"        except Exception as error: open('{tmp_path}/told.new', 'w').write(type(error).__name__)\n"
        f"        os.rename('{tmp_path}/told.new', '{tmp_path}/told')\n"
        "Late(task_id='late')\n@task\ndef ok(): return 1\nok()"
    )
    [waiting] = bench.submit("late", grace_s=0.1, **sensor())
    bench.until((tmp_path / "begun").exists)
    bench.cancel(waiting)
    (tmp_path / "gate").touch()
    bench.until((tmp_path / "told").exists)
    assert (tmp_path / "told").read_text() == "SupersededError"
