"""The log indexer is killed before each statement and each commit: no line is found twice, and none is missing once it has come back."""

import os
import signal
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from sqlalchemy import event, inspect

from penstock.logs import log_parts
from penstock.logs.log_indexer import IndexerPorts, LogIndexer
from penstock.model.logs.log_index import ChunkPlace, LogFilter, LogSubject
from penstock.store import LogSearch, Store
from penstock.testing import FakeClock
from penstock_testkit.nightly import at_night

TOP = 1 << 60
MOST = 1 << 30
LOGS = 2
STEP = at_night(1, 3)
"""Of so many statements and commits, it is killed before one; each night before each."""

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


class Yard:
    """Logs of tries that go on, and the index of an installation."""

    def __init__(self, folder, store, url, keyring):
        self.folder, self.state, self.store, self.url, self.keyring = folder / "logs", folder, store, url, keyring
        self.texts = {f"t{number}": "" for number in range(LOGS)}
        self.lines, self.at = count(), datetime.now(UTC)
        self.search = LogSearch.make(store, folder)

    def write(self, lines):
        """Have each log grow by lines, each with a word that no other has."""
        for task, text in self.texts.items():
            self.texts[task] = text + "".join(f"line x{next(self.lines):06}\n" for _ in range(lines))
            path = self.folder / "dag" / "run" / task / "1.log"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.texts[task])

    def step(self, search):
        """What the indexer's process does, to the end of what there is."""
        subject = lambda path: LogSubject(1, path.parent.name, -1, 1, "dag", "run")  # noqa: E731
        indexer = LogIndexer(self.folder, MOST, 5.0, IndexerPorts(
            set, lambda: 1, lambda: True, lambda: subject, search.positions, search.horizon,
            lambda parts: search.index(parts, self.at, MOST), lambda: search.trim(self.at, MOST, 1.5), FakeClock(self.at), print,
        ))  # fmt: skip
        while indexer.step() == 0.0:
            pass

    def killed(self, number):
        """Index in a child, which is killed before its database is asked for the so-manieth time; whether it came to that."""
        pid = os.fork()
        if pid == 0:
            try:
                asked = count(1)

                def die(*_):
                    if next(asked) == number:
                        os.kill(os.getpid(), signal.SIGKILL)

                search = LogSearch.make(
                    Store.open(self.url, self.keyring), self.state
                )  # what was opened here is the parent's
                for name in ("before_cursor_execute", "commit"):
                    event.listen(search._database.engine, name, die)
                self.step(search)
                os._exit(0)
            finally:
                os._exit(9)
        status = os.waitpid(pid, 0)[1]
        assert status in (0, signal.SIGKILL)
        return status == signal.SIGKILL

    def found(self, word):
        """In which log, and from which byte to which, a word is found: a place each time."""
        return [
            (chunk.subject.task_id, chunk.start, chunk.start + chunk.length)
            for period in self.search.periods()
            for chunk in self.search.chunks(ChunkPlace(period.period, TOP), [word], LogFilter(), 9999)
        ]

    def covered(self):
        """From which byte to which each log is found, without a gap, and no byte of it twice."""
        spans = {}
        for task, start, end in sorted(self.found("line")):
            begin, known = spans.get(task, (start, start))
            assert start == known, f"{task} has a gap, or is found twice, between bytes {known} and {start}"
            spans[task] = begin, end
        return spans

    def tables(self):
        """Numbers of the periods that have a table."""
        with self.search._database.read() as connection:
            names = inspect(connection).get_table_names()
        prefix = "log_index_chunk_"
        return sorted(int(name.removeprefix(prefix)) for name in names if name.startswith(prefix))


@pytest.fixture
def yard(tmp_path, store, url, keyring, monkeypatch):
    monkeypatch.setattr(log_parts, "TURN_BYTES", 20)
    made = Yard(tmp_path, store, url, keyring)
    yield made
    made.search.close()


def test_wherever_the_indexer_is_killed_no_line_is_found_twice_none_is_missing_later_and_what_is_old_goes_as_a_whole(
    yard,
):
    kills, begun = 0, yard.at
    for number in count(1, STEP):
        yard.at += timedelta(days=1)
        yard.write(lines=2)
        if not yard.killed(number):
            break
        kills += 1
        assert yard.tables() == sorted(each.period for each in yard.search.periods())
        yard.covered()
        yard.step(yard.search)
        assert {end for _, end in yard.covered().values()} == {len(text) for text in yard.texts.values()}
    assert kills > 25 // STEP, "it was killed at each statement, and at each commit"
    assert (yard.search.horizon() > begun, len(yard.tables()) <= 3) == (True, True)
    for task, text in yard.texts.items():
        begin, end = yard.covered()[task]
        assert (begin > 0, end) == (True, len(text)), "what was dropped is not indexed again"
        [(in_task, low, high)] = yard.found(text.split()[-1])
        assert (in_task, low <= text.rindex("line"), high) == (task, True, end)
