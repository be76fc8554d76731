"""Alerts from notices to a channel's process, on clocks that the test sets; the process is a real one that keeps a file."""

import select
import sys
import time
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from penstock.alerts.rules import Rules, SiteRule
from penstock.model.changes import Changes
from penstock.model.dag import AlertRule
from penstock.model.notice import RunStateChanged, TaskStateChanged
from penstock.model.state import AlertEvent
from penstock.notify.alerts.alert_watch import AlertWatch
from penstock.notify.alerts.channels import ChannelPorts, Channels, Limits
from penstock.notify.alerts.composer import Composer, Sources
from penstock.notify.alerts.lateness import Clocks, Lateness
from penstock.notify.alerts.log_tails import LogTail
from penstock.spec.wire import Reply
from penstock.store import ALERTS, Keyring, Store, new_key

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PATIENCE_S = 60.0
# The service behind the channel: it refuses while there is a file `down`, and keeps what it takes, a line each.
CHANNEL = """
import os, socket, struct, sys
from pathlib import Path
import msgspec
HEAD = struct.Struct("!IBI")
folder, line = Path(sys.argv[1]), socket.socket(fileno=int(sys.argv[3]))

def say(kind, payload):
    line.sendall(HEAD.pack(len(payload), kind, 0) + payload)

say(15, b"")
stream = line.makefile("rb")
while head := stream.read(HEAD.size):
    message = msgspec.msgpack.decode(stream.read(HEAD.unpack(head)[0]))
    if (folder / "kill").exists():
        os.kill(os.getpid(), 9)
    if (folder / "hang").exists():
        stream.read(1)
    if (folder / "babble").exists():
        say(11, b"\\xff nonsense")
        continue
    failure = {"failure": "the service is down"} if (folder / "down").exists() else {}
    if not failure:
        with (folder / "taken").open("ab") as taken:
            taken.write(msgspec.json.encode([sys.argv[2], message["key"], message["title"], message["text"]]) + b"\\n")
    say(11, msgspec.msgpack.encode(failure))
"""


class TestClock:
    """The time of day and the monotonic clock, moved on by hand."""

    __test__ = False

    def __init__(self):
        self.passed_s = self.set_s = 0.0

    def now(self):
        return NOW + timedelta(seconds=self.passed_s + self.set_s)

    def monotonic(self):
        return 1000.0 + self.passed_s


class Desk:
    """A notifier's watch and channels over a database."""

    def __init__(self, folder, url, keyring, rules=(), *, wait_s=10.0, **limits):
        self.folder, self.clock, self.told = folder, TestClock(), []
        self.store = Store.open(url, keyring, wait_s=wait_s)
        self.store.outbox.register([ALERTS])
        program = folder / "channel.py"
        program.write_text(CHANNEL)
        given = {"window_s": 10.0, "singly": 5, "expire_s": 86400.0, "timeout_s": 30.0, **limits}
        composer = Composer(self.store, Sources(folder / "logs", self.tail, "", self.answer, lambda key: self.answer))
        ports = ChannelPorts(
            lambda name: [sys.executable, str(program), str(folder), name],
            composer, folder / "alerts.log", self.clock.monotonic, self.clock.now, self.told.append,
        )  # fmt: skip
        self.rules = Rules([SiteRule(rule) for rule in rules])
        self.lateness = Lateness(self.store, self.rules, Clocks(self.clock.monotonic, self.clock.now))
        self.watch = AlertWatch(self.store, self.rules, self.lateness.begun, self.told.append)
        self.channels = Channels(self.store, Limits(**given), ports)

    def tail(self, path):
        return LogTail()

    def answer(self, ask, done):
        done(Reply(ask.args[0]))

    def fail(self, *tasks, run=1):
        self.notices([failed(task, run) for task in tasks])

    def notices(self, notices):
        self.store.apply(Changes(notices=notices), self.clock.now())
        self.watch.woken()
        self.channels.woken()

    def work(self):
        """Go on until nothing is left to do at this instant of the clock."""
        end = time.monotonic() + PATIENCE_S
        while True:
            self.watch.step()
            self.lateness.step()
            self.channels.woken()
            self.channels.step()
            due = [each for each in (self.watch.due, self.channels.due) if each is not None]
            at_work = self.channels.busy or any(
                each.lives and not each.ready for each in self.channels._processes.values()
            )
            if not at_work and (not due or min(due) > self.clock.monotonic()):
                return
            assert time.monotonic() < end, self.told
            select.select(self.channels.readable, self.channels.writable, [], 0.05)

    def hang(self):
        """Go on until a message is being sent, and then until its time is over."""
        while not self.channels.busy:
            self.channels.step()
            select.select(self.channels.readable, [], [], 0.05)
        self.clock.passed_s += 30
        self.channels.step()

    def wait(self, seconds, step=10.0):
        """Let time pass, and work meanwhile."""
        while seconds > 0:
            self.clock.passed_s += min(step, seconds)
            seconds -= step
            self.work()

    def taken(self):
        file = self.folder / "taken"
        return [tuple(msgspec.json.decode(line)) for line in file.read_bytes().splitlines()] if file.exists() else []

    def close(self):
        self.channels.close()
        self.store.close()


def failed(task="a", run=1, at=NOW):
    return TaskStateChanged("d", f"r{run}", task, -1, 1, "running", "failed", "no box", at, run, "")


def run_ended(state="failed", run=1, at=NOW, dag_id="d"):
    return RunStateChanged(dag_id, f"r{run}", "manual", "running", state, "", at, run, "")


def rule(*on, to="ops"):
    return AlertRule(tuple(map(AlertEvent, on)), (to,) if isinstance(to, str) else to)


@pytest.fixture(scope="session")
def keyring():
    return Keyring([new_key()], "the test's key")


@pytest.fixture
def desk(tmp_path, keyring):
    made = []

    def open_desk(*rules, **limits):
        made.append(Desk(tmp_path, f"sqlite:///{tmp_path}/penstock.db", keyring, rules, **limits))
        return made[-1]

    yield open_desk
    for each in made:
        each.close()
