"""Tries on workers that are another user and see neither project nor database: whatever is killed, each runs once."""

import json
import os
import secrets
import shutil
import signal
import socket
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest
from fleet import NOBODY, FleetWorker, install
from msgspec.structs import replace
from penstock_remote.messages import LARGEST, Beat, FromExecutor, Hello, MessageReader, Refused, Welcome, encode
from rehearsal import Rehearsal, hour

from penstock.app.compose import installation
from penstock.service.dags import trigger
from penstock.settings import load_settings
from penstock_testkit.nightly import nightly_but
from penstock_testkit.processes import free_port

LEASE_S = 6
TRACKED = {"AA": ["scheduled"]}
DAGS = """
import os, time
from pathlib import Path
from penstock import DAG, Variable, task
EFFECTS = Path({effects!r})

def note(line):
    with (EFFECTS / "lines").open("a") as file:
        file.write(line + "\\n")

with DAG("look", params={{"paths": []}}):
    @task
    def look(**context):
        print("hello from far away")
        return {{"uid": os.getuid(), "seen": [path for path in context["params"]["paths"] if os.path.exists(path)],
                "environ": sorted(name for name in os.environ if name.startswith("PENSTOCK_")),
                "worker": os.environ["WORKER"], "told": Variable.get("greeting")}}
    look()

with DAG("wait", params={{"name": "", "count": 4, "asks": False}}):
    @task
    def numbers(**context):
        return list(range(context["params"]["count"]))
    @task
    def wait(n, **context):
        name, worker = context["params"]["name"], os.environ["WORKER"]
        note(f"begin {{name}} {{n}} {{worker}}")
        print("begin", flush=True)
        gates = [EFFECTS / each for each in (name, f"{{name}}-{{worker}}", f"{{name}}-{{worker}}-{{n}}")]
        while not any(gate.exists() for gate in gates):
            time.sleep(0.05)
        if context["params"]["asks"]:
            print(Variable.get("greeting"))
        note(f"end {{name}} {{n}} {{worker}}")
        print("end", flush=True)
    wait.expand(n=numbers())
"""

STARTED = (
    "SELECT 1 FROM try JOIN run USING (run) WHERE run_id = '{}' AND task_id = 'wait' AND try.started_at IS NOT NULL"
)

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("remote workers")]


def wait_for(ready, seconds=90.0):
    """Wait for what happens while `penstock up` does not run."""
    until = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < until
        time.sleep(0.05)  # a real process is waited for, from outside


class Stage(Rehearsal):
    """The clickstream with a queue that remote workers serve, and DAGs that wait for files."""

    def __init__(self, folder, shared):
        super().__init__(folder, TRACKED)
        self.shared, self.port, self.token = shared, free_port(), secrets.token_hex(16)
        self.env |= {"PENSTOCK_SCHEDULER__LEASE_S": str(LEASE_S), "PENSTOCK_VAR_GREETING": "good day"}
        self.env["PYTHONPATH"] = str(shared / "site")

    def prepare(self):
        (self.project / "token").write_text(self.token)
        with (self.project / "penstock.toml").open("a") as file:
            file.write(
                f'\n[executors.remote]\ntype = "remote.executor"\nlisten = "127.0.0.1:{self.port}"\ntoken_file = "token"\n'
                '\n[queues]\ndefault = "remote"\n'
            )
        (self.project / "dags" / "far.py").write_text(DAGS.format(effects=str(self.shared / "effects")))

    def worker(self, name, slots=4):
        hidden = [self.folder]
        made = FleetWorker(
            name, self.shared, self.shared / "site", f"127.0.0.1:{self.port}", self.project / "token", hidden, slots,
            env=self.network,
        )  # fmt: skip
        self._stack.callback(made.kill)
        made.start()
        return made

    def trigger(self, dag_id, run_id, **conf):
        self.wait_until(lambda: self.rows(f"SELECT 1 FROM dag WHERE dag_id = '{dag_id}'"), f"DAG {dag_id}")
        # As the command does it, without the second of a core that a process of its own takes.
        found = installation(load_settings(self.env, self.project))
        trigger(found, dag_id, run_id=run_id, conf=conf)
        found.store.close()

    def wait_for_both_workers(self):
        """Run tries that end at once until both workers have had some: after a restart each comes back when it will."""
        for number in range(20):
            run_id = f"both-{len(self.lines_of_all())}-{number}"
            self.let_go(run_id)
            self.trigger("wait", run_id, name=run_id, count=8)
            assert self.end_of(run_id) == "success"
            if {worker for _, _, worker in self.lines(run_id)} == {"a", "b"}:
                return
        raise AssertionError("one of the workers gets no try")

    def state(self, run_id):
        found = self.rows(f"SELECT state FROM run WHERE run_id = '{run_id}'")
        return found[0][0] if found else ""

    def end_of(self, run_id):
        self.wait_until(lambda: self.state(run_id) in ("success", "failed", "cancelled"), f"the end of {run_id}")
        return self.state(run_id)

    def tries(self, run_id):
        """Map index, epoch and outcome of the tries of the task that waits."""
        return self.rows(
            f"SELECT map_index, epoch, outcome FROM try JOIN run USING (run) WHERE run_id = '{run_id}' AND task_id = 'wait' "
            "ORDER BY map_index, epoch"
        )

    def lines_of_all(self):
        path = self.shared / "effects" / "lines"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def lines(self, run_id):
        """What the tries of a run have noted: begin or end, their map index and their worker."""
        return [(what, int(n), worker) for what, name, n, worker in self.lines_of_all() if name == run_id]

    def wait_for_lines(self, what, run_id, count):
        self.wait_until(
            lambda: len([line for line in self.lines(run_id) if line[0] == what]) >= count, f"{count} times {what}"
        )

    def let_go(self, *what):
        (self.shared / "effects" / "-".join(map(str, what))).touch()


@pytest.fixture(scope="module")
def shared():
    """A folder that everybody may enter; what tries do is noted in it."""
    folder = Path(tempfile.mkdtemp(prefix="penstock-remote-"))
    folder.chmod(0o755)
    (folder / "effects").mkdir()
    (folder / "effects").chmod(0o777)
    install(folder / "site")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def stage(shared, tmp_path_factory):
    """The pipeline at work: the events of two hours are in the stream and scheduled; its workers are ``a`` and ``b``."""
    with Stage(tmp_path_factory.mktemp("remote") / "stage", shared) as made:
        made.prepare()
        made.produce(list(TRACKED), hour(12), hour(13))
        made.schedule(hour(12), hour(13))
        made.up()
        made.workers = {name: made.worker(name) for name in ("a", "b")}
        try:
            yield made
        finally:
            for each in made.workers.values():
                each.kill()


@pytest.mark.nightly
def test_the_clickstream_is_loaded_by_workers_that_are_another_user(stage):
    loaded = "SELECT count(*) FROM run WHERE dag_id = 'clickstream_AA' AND state = 'success'"
    stage.wait_until(lambda: stage.rows(loaded)[0][0] >= 2, "two hours", 120)
    assert stage.problems(TRACKED, stage.first, stage.last) == []
    ran_by = "SELECT DISTINCT t.executor FROM try t JOIN run USING (run) WHERE {} task_id LIKE 'wait_for%'"
    assert stage.rows(ran_by.format("NOT")) == [("remote",)]
    assert stage.rows(ran_by.format("")) == [("waiter",)]
    stage.penstock("dags", "pause", "customers")


def test_a_try_sees_neither_the_project_nor_the_database_nor_secrets(stage):
    state = stage.project / ".penstock"
    paths = [stage.project, state / "penstock.db", state / "secret.key"]
    assert all(path.exists() for path in paths)
    stage.trigger("look", "look", paths=[str(path) for path in paths])

    assert stage.end_of("look") == "success"
    ((value,),) = stage.rows(
        "SELECT value FROM xcom JOIN run USING (run) WHERE run_id = 'look' AND key = 'return_value'"
    )
    seen = json.loads(value)
    worker = seen.pop("worker")
    assert worker in stage.workers
    assert [each.name for each in (stage.shared / worker / "snapshots").iterdir()], "it was fetched by its hash"
    assert seen == {"uid": NOBODY, "seen": [], "environ": [], "told": "good day"}
    assert (state / "logs" / "look" / "look" / "look" / "1.log").read_text() == "hello from far away\n"


@pytest.mark.parametrize("whole", nightly_but([True], [False, True]), ids=["scheduler", "penstock up"])
def test_tries_outlive_what_sent_them_and_run_once(stage, whole):
    name = f"outlive-{whole}"
    stage.trigger("wait", name, name=name, asks=not whole)
    stage.wait_for_lines("begin", name, 4)
    stage.wait_until(lambda: len(stage.rows(STARTED.format(name))) == 4, "the starts to be stored")
    if whole:
        killed = stage.up()
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait(60)
        # They end while there is nobody to tell.
        stage.let_go(name)
        wait_for(lambda: Counter(line[0] for line in stage.lines(name))["end"] == 4)
        stage.up()
    else:
        before = stage.process("scheduler")
        os.kill(before, signal.SIGKILL)
        stage.wait_until(lambda: stage.process("scheduler") not in (None, before), "another scheduler")
        stage.let_go(name)

    assert stage.end_of(name) == "success"
    assert stage.tries(name) == [(n, 1, "success") for n in range(4)]
    assert Counter(line[0] for line in stage.lines(name)) == {"begin": 4, "end": 4}
    for path in (stage.project / ".penstock" / "logs" / "wait" / name).glob("wait*/*.log"):
        assert path.read_text() == ("begin\nend\n" if whole else "begin\ngood day\nend\n")


@pytest.mark.nightly
def test_a_stopped_worker_loses_its_own_tries_and_no_others_and_its_late_answers_change_nothing(stage):
    name = "stopped"
    stage.wait_for_both_workers()
    stage.trigger("wait", name, name=name)
    stage.wait_for_lines("begin", name, 4)
    # Which worker has how many is not said; the one with the most of four has two, and the other has room for them.
    shares = {each: {n for _, n, worker in stage.lines(name) if worker == each} for each in stage.workers}
    other, first = sorted(shares, key=lambda each: len(shares[each]))
    mine, stopped = shares[first], stage.workers[first]
    assert len(mine) <= len(stopped.tries())

    stopped.send_signal(signal.SIGSTOP)
    stage.wait_for_lines("begin", name, 4 + len(mine))
    assert {n for _, n, worker in stage.lines(name)[4:] if worker == other} == mine
    # One of the tries that were given up ends while its worker stands still; the others go on.
    late, *endless = sorted(mine)
    assert endless
    stage.let_go(name, first, late)
    stage.wait_for_lines("end", name, 1)
    stopped.send_signal(signal.SIGCONT)
    wait_for(lambda: not stopped.tries())
    stage.let_go(name, other)

    assert stage.end_of(name) == "success"
    lost = {n: [(n, 1, "lost"), (n, 2, "success")] for n in mine}
    assert stage.tries(name) == [row for n in range(4) for row in lost.get(n, [(n, 1, "success")])]
    ends = [(n, worker) for what, n, worker in stage.lines(name) if what == "end"]
    assert sorted(ends) == sorted([(late, first), *((n, other) for n in range(4))])


def test_tries_of_a_worker_that_was_killed_are_repeated_at_once_when_it_is_back(stage):
    name, killed = "killed", stage.workers["a"]
    stage.wait_for_both_workers()
    stage.trigger("wait", name, name=name, count=8)  # as many as the slots of both, or one may get more than the other
    stage.wait_for_lines("begin", name, 8)
    killed.kill()
    killed.start()
    stage.wait_for_lines("begin", name, 12)
    stage.let_go(name)

    assert stage.end_of(name) == "success"
    assert Counter(outcome for _, _, outcome in stage.tries(name)) == {"success": 8, "lost": 4}
    assert Counter(what for what, _, _ in stage.lines(name)) == {"begin": 12, "end": 8}


def test_a_cancelled_run_ends_its_processes_far_away(stage):
    stage.trigger("wait", "cancelled", name="cancelled")
    stage.wait_for_lines("begin", "cancelled", 4)
    stage.penstock("runs", "cancel", "wait", "cancelled")

    assert stage.end_of("cancelled") == "cancelled"
    wait_for(lambda: not any(worker.tries() for worker in stage.workers.values()))
    # A run ends when it is cancelled; each try's end is stored as its worker tells it.
    stage.wait_until(
        lambda: {outcome for _, _, outcome in stage.tries("cancelled")} == {"cancelled"}, "the ends of its tries"
    )


def hello(token, **changed):
    return encode(replace(Hello(token, "mallory", 4, ()), **changed))


HOSTILE = {
    "a wrong token": (lambda _: hello("0" * 32), "the token is wrong"),
    "no Hello": (lambda _: encode(Beat(())), "says hello first"),
    "what only the executor says": (lambda _: encode(Welcome(1.0)), "cannot be read: Invalid value 'welcome'"),
    "a wrong type": (lambda token: hello(token, slots="many"), "Expected `int`, got `str`"),
    "a number out of bounds": (lambda token: hello(token, slots=0), "`int` >= 1"),
    "a huge message": (lambda _: b"\xff\xff\xff\xff" + b"x" * 1000, "a message of 4294967295 bytes was announced"),
    "random bytes": (lambda _: b"\0\0\1\0" + bytes(range(256)), "cannot be read"),
    "deep nesting": (lambda _: (5000).to_bytes(4) + b"\x91" * 5000, "cannot be read"),
    "nonsense after the token": (lambda token: hello(token) + b"\0\0\0\1\xc1", "cannot be read"),
    "Hello twice": (lambda token: 2 * hello(token), "first, and once"),
}


@pytest.mark.parametrize("sent", HOSTILE)
def test_who_says_something_wrong_is_told_so_and_cut_off(stage, sent):
    make, sentence = HOSTILE[sent]
    reader = MessageReader(FromExecutor, LARGEST)
    answers = []
    with socket.create_connection(("127.0.0.1", stage.port), timeout=30) as line:
        line.sendall(make(stage.token))
        while data := line.recv(1 << 16):
            answers += reader.feed(data)
    assert isinstance(answers[-1], Refused)
    assert sentence in answers[-1].reason
    log = stage.folder / "logs" / "penstock.log"
    stage.wait_until(lambda: answers[-1].reason in log.read_text(), "it is logged")
    if answers[0] != answers[-1]:
        assert isinstance(answers[0], Welcome)


def test_after_all_of_it_work_goes_on(stage):
    strangers = [socket.create_connection(("127.0.0.1", stage.port), timeout=30) for _ in range(80)]
    stage.trigger("look", "afterwards")
    assert stage.end_of("afterwards") == "success"
    for each in strangers:
        each.close()
    assert "Traceback" not in (stage.folder / "logs" / "penstock.log").read_text()
