"""The suite of log stores: is every byte of a log there once, whoever was killed when?"""

import threading
from collections.abc import Callable
from contextvars import copy_context

from penstock.spec.log_store import LogStore
from penstock.testing.suites.expect import expect

Make = Callable[[], LogStore]
_LOG = "dag_id=d/run_id=r-1/task_id=t/1.log"
_BINARY = bytes(range(256)) * 4096
_THREADS = 4


class LogStoreSuite:
    """Tests of a log store on an empty place.

    A subclass gives the fixture ``make``: a function that makes a store of this place, as it is made anew on another machine::

        class TestAcmeLogs(LogStoreSuite):
            @pytest.fixture
            def make(self, server):
                return lambda: AcmeLogs("acme-logs://empty", None)
    """

    def test_what_is_appended_is_read_on_another_machine(self, make: Make) -> None:
        """All of it, the last chunk included, in its order, whatever the bytes are."""
        chunks = [b"first line\n", _BINARY, b"\xff\x00", b"last words"]
        self._append(make(), _LOG, chunks)
        whole = b"".join(chunks)
        found = b"".join(make().read(_LOG))
        expect(found == whole, f"of {len(whole)} bytes {len(found)} are read" + self._missing(whole, found))

    def test_it_is_read_from_any_offset(self, make: Make) -> None:
        """In the middle of a chunk, at its edge, at the end, and behind it."""
        store = make()
        self._append(store, _LOG, [b"0123", b"4567", b"89"])
        for offset in range(13):
            found = b"".join(store.read(_LOG, offset))
            expect(found == b"0123456789"[offset:], f"read from offset {offset} it is {found!r}")

    def test_what_is_appended_again_is_there_once(self, make: Make) -> None:
        """A shipper that was killed asks again with the same bytes, or with more; it goes on where the store says."""
        for again in (b"abc", b"abcdef"):
            log = f"{_LOG}.{len(again)}"
            store = make()
            store.append(log, 0, b"abc")
            kept = make().append(log, 0, again)
            expect(3 <= kept <= len(again), f"append() of {again!r} after b'abc' says that {kept} bytes are there")
            if kept < 6:
                kept += make().append(log, kept, b"abcdef"[kept:])
            found = b"".join(make().read(log))
            expect(found == b"abcdef", f"after a repetition the log is {found!r}, not b'abcdef'")

    def test_a_log_is_whole_once_it_is_sealed(self, make: Make) -> None:
        """Not before; with its size, and with the last one if it is sealed again."""
        store = make()
        self._append(store, _LOG, [b"abc"])
        expect(store.sealed(_LOG) is None, "a log is whole that was never sealed")
        for size, more in ((3, b"def"), (6, b"")):
            store.seal(_LOG, size)
            expect(make().sealed(_LOG) == size, f"sealed() is {make().sealed(_LOG)} after seal({size})")
            if more:
                store.append(_LOG, size, more)
        expect(b"".join(make().read(_LOG)) == b"abcdef", "what came after a seal is not there")

    def test_a_log_that_is_not_there_is_empty(self, make: Make) -> None:
        """Reading it is no error, and it is not whole."""
        expect(b"".join(make().read(_LOG)) == b"", "a log that is not there has bytes")
        expect(make().sealed(_LOG) is None, "a log that is not there is whole")

    def test_logs_with_names_that_are_alike_are_apart(self, make: Make) -> None:
        """One name may be the beginning of another."""
        store = make()
        logs = {name: name.encode() for name in ("a/t", "a/t.1", "a/t/1", "a/t1", "a/T")}
        for name, data in logs.items():
            self._append(store, name, [data[:1], data[1:]])
        store.seal("a/t", 3)
        for name, data in logs.items():
            expect(b"".join(store.read(name)) == data, f"the log {name!r} is {b''.join(store.read(name))!r}")
        expect([name for name in logs if store.sealed(name) is not None] == ["a/t"], "a seal holds for other logs, too")

    def test_a_prefix_is_deleted_and_nothing_else(self, make: Make) -> None:
        """With its seals; once more is no error."""
        store = make()
        for name in ("a/1.log", "a/b/2.log", "ab/3.log", "c/a/4.log"):
            self._append(store, name, [b"one", b"two"])
            store.seal(name, 6)
        for _ in range(2):
            store.delete("a/")
        left = [name for name in ("a/1.log", "a/b/2.log", "ab/3.log", "c/a/4.log") if b"".join(make().read(name))]
        expect(left == ["ab/3.log", "c/a/4.log"], f"after delete('a/') there are {left}")
        expect(make().sealed("a/1.log") is None, "a log that was deleted is whole")

    def test_several_logs_grow_at_once(self, make: Make) -> None:
        """Threads of the shipper share one store."""
        store = make()
        chunks = [str(number).encode() * 10 for number in range(8)]
        names = [f"d/{number}.log" for number in range(_THREADS)]
        threads = [
            threading.Thread(target=copy_context().run, args=(self._append, store, name, chunks)) for name in names
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for name in names:
            expect(b"".join(make().read(name)) == b"".join(chunks), f"{name!r} is not whole when others grow beside it")

    @staticmethod
    def _append(store: LogStore, log: str, chunks: list[bytes]) -> None:
        offset = 0
        for chunk in chunks:
            kept = store.append(log, offset, chunk)
            expect(kept == len(chunk), f"append() of {len(chunk)} bytes at offset {offset} says that {kept} are there")
            offset += kept

    @staticmethod
    def _missing(whole: bytes, found: bytes) -> str:
        return "; the last chunk is lost" if whole.startswith(found) else ""
