"""Logs are indexed as they grow, each line once, whatever happens on the way."""

import os
import signal
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from penstock.logs import log_parts
from penstock.logs.log_indexer import IndexerPorts, LogIndexer
from penstock.model.logs.log_index import CHUNK_LINES, LogPosition, LogSubject
from penstock.testing import FakeClock

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Shelf:
    """Logs, and what is indexed of them; stored in a file, as a database would, when it is to outlive a process."""

    def __init__(self, folder):
        self.folder = folder / "logs"
        self.folder.mkdir()
        self.clock, self.open, self.newest, self.live = FakeClock(NOW), set(), 0, False
        self.parts, self.known, self.until, self.stores, self.told = [], {}, None, 0, []
        self.before_store = self.after_store = lambda: None

    def indexer(self, end_bytes=1 << 20):
        ports = IndexerPorts(
            lambda: self.open, lambda: self.newest, lambda: self.live, lambda: self.subject, lambda run: self.known, lambda: self.until,
            self.store, lambda: None, self.clock, self.told.append,
        )  # fmt: skip
        return LogIndexer(self.folder, end_bytes, 5.0, ports)

    def subject(self, path):
        return None if path.parent.name == "gone" else LogSubject(1, path.parent.name, -1, 1, "dag", "run")

    def store(self, parts):
        self.before_store()
        for part in parts:
            key = (part.subject.task_id, -1, 1)
            assert self.known.get(key, LogPosition()).offset == part.before.offset
            self.known[key] = part.after
        self.parts += parts
        self.after_store()

    def write(self, task, text):
        path = self.folder / "dag" / "run" / task / "1.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(text)
        self.newest += 1
        return path

    def spans(self, task):
        """From which byte to which one chunks of a task's log are."""
        chunks = [chunk for part in self.parts if part.subject.task_id == task for chunk in part.chunks]
        return [(chunk.start, chunk.start + chunk.length) for chunk in chunks]


@pytest.fixture
def shelf(tmp_path):
    return Shelf(tmp_path)


def test_a_log_is_indexed_by_whole_lines_while_it_grows_and_to_its_end_once_its_try_has_ended(shelf):
    indexer = shelf.indexer()
    path = shelf.write("a", "one\ntw")
    shelf.open.add(path)
    indexer.step()
    shelf.write("a", "o\nthree")
    indexer.step()
    indexer.step()
    assert shelf.spans("a") == [(0, 4), (4, 8)]
    shelf.open.clear()
    indexer.step()
    assert shelf.spans("a") == [(0, 4), (4, 8), (8, 13)]
    assert [sorted(chunk.words) for part in shelf.parts for chunk in part.chunks] == [["one"], ["two"], ["three"]]
    assert indexer.step() == 5.0


def test_levels_and_times_go_on_from_chunk_to_chunk(shelf):
    at = "2026-02-01T10:00:00.000Z"
    shelf.write("a", f"{at} ERROR a.b: no\n" + "more\n" * CHUNK_LINES)
    shelf.indexer().step()
    first, second = shelf.parts[0].chunks
    logged = datetime(2026, 2, 1, 10, tzinfo=UTC)
    assert (first.level, first.top, first.last) == (0, 4, logged)
    assert (second.level, second.top, second.at, second.first) == (4, 4, logged, logged)
    assert first.words == {"a", "b", "no", "more"}


def test_of_a_long_log_the_beginning_is_indexed_and_once_it_has_ended_the_end(shelf, monkeypatch):
    monkeypatch.setattr(log_parts, "TURN_BYTES", 20)
    indexer = shelf.indexer(end_bytes=40)
    path = shelf.write("a", "123456789\n" * 30)
    shelf.open.add(path)
    while indexer.step() == 0.0:
        pass
    assert (shelf.spans("a")[0][0], shelf.spans("a")[-1][1]) == (0, 40)
    shelf.open.clear()
    while indexer.step() == 0.0:
        pass
    spans = shelf.spans("a")
    assert {after[0] - before[1] for before, after in pairwise(spans)} == {0, 220}
    assert (spans[-1][1], sum(end - start for start, end in spans)) == (300, 80)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("when", ["before_store", "after_store"])
def test_every_line_is_indexed_once_wherever_the_indexer_is_killed(shelf, when, monkeypatch, tmp_path):
    """A child is killed at each transaction in turn; what it has stored is there, and the next one goes on."""
    import pickle  # noqa: PLC0415 - of this test alone

    monkeypatch.setattr(log_parts, "TURN_BYTES", 50)
    texts = {f"t{n}": "".join(f"line {i} of {n}\n" for i in range(5 * n)) for n in range(5)}
    for name, text in texts.items():
        shelf.write(name, text)
    kept, ends = tmp_path / "kept", []
    while signal.SIGKILL in ends[-1:] or not ends:
        if kept.exists():
            shelf.parts, shelf.known = pickle.loads(kept.read_bytes())
        pid = os.fork()
        if pid == 0:
            calls, number = [0], 1 + len(ends) % 3

            def die(hook, calls=calls, number=number):
                calls[0] += hook == when
                if hook == "after_store":
                    (tmp_path / "new").write_bytes(pickle.dumps((shelf.parts, shelf.known)))
                    (tmp_path / "new").rename(kept)
                if hook == when and calls[0] == number:
                    os.kill(os.getpid(), signal.SIGKILL)

            shelf.before_store, shelf.after_store = (lambda: die("before_store")), (lambda: die("after_store"))
            indexer = shelf.indexer()
            while indexer.step() == 0.0:
                pass
            os._exit(0)
        ends.append(os.WTERMSIG(os.waitpid(pid, 0)[1]))
        assert len(ends) < 99
    shelf.parts, shelf.known = pickle.loads(kept.read_bytes())
    assert len(ends) > 2
    for name, text in texts.items():
        spans = shelf.spans(name)
        assert "".join(text[start:end] for start, end in spans) == text
        assert sum(end - start for start, end in spans) == len(text)


def test_nothing_is_looked_at_while_nothing_runs(shelf, monkeypatch):
    indexer = shelf.indexer()
    indexer.step()
    monkeypatch.setattr("penstock.logs.log_indexer.local_logs", lambda _: pytest.fail("it looked"))
    assert indexer.step() == 5.0
    shelf.clock.advance(61)
    with pytest.raises(pytest.fail.Exception):
        indexer.step()


def test_logs_of_deleted_runs_and_those_older_than_what_was_dropped_are_passed_over(shelf):
    shelf.write("gone", "x\n")
    shelf.write("old", "x\n")
    shelf.until = datetime.now(UTC) + timedelta(days=1)
    shelf.indexer().step()
    assert shelf.parts == []


def test_a_log_that_cannot_be_read_holds_up_no_other_and_is_told_once(shelf, monkeypatch):
    shelf.write("a", "x\n")
    shelf.write("b", "x\n")
    read = log_parts._read

    def refused(log, *span):
        if log.path.parent.name == "a":
            raise PermissionError(13, "Permission denied")
        return read(log, *span)

    monkeypatch.setattr(log_parts, "_read", refused)
    indexer = shelf.indexer()
    indexer.step()
    indexer.step()
    assert (shelf.spans("b"), len(shelf.told)) == ([(0, 2)], 1)
    assert shelf.told[0].startswith("some logs are not indexed: ")
