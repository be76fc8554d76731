"""The suite of object stores: does it keep what it is given, whole, once, and in little memory?"""

import io
import threading
from collections.abc import Callable, Iterator, Mapping
from contextvars import copy_context
from typing import Any, ClassVar

import pytest

from penstock.model.connection import Connection
from penstock.spec.object_store import ObjectStore
from penstock.testing.fake_runtime import runtime
from penstock.testing.suites.expect import expect, expect_kind, refusal
from penstock.testing.suites.fresh_process import Stream, fork_problem, memory_problem

_BLOCK = bytes(range(256)) * 256
_WRITERS = 8


class ObjectStoreSuite:
    """Tests of an object store on an empty place in it.

    A subclass names the class, and gives the fixture ``prefix``: a URL that ends with a slash and below which there is nothing yet::

        class TestAcmeStore(ObjectStoreSuite):
            store_class = AcmeStore

            @pytest.fixture
            def prefix(self, server):
                return "acme://empty/"

            @pytest.fixture
            def connections(self, server):
                return {"acme_default": server.connection}

    Attributes:
        store_class: The class; it is made from a connection id.
        conn_id: With which connection; None for its default.
        large_bytes: Size of the object that is stored as a stream.
        memory_bytes: How much of it may be in memory at once.
        listed: Objects that are more than the service lists in one answer.
    """

    store_class: ClassVar[type[Any]]
    conn_id: ClassVar[str | None] = None
    large_bytes: ClassVar[int] = 48 << 20
    memory_bytes: ClassVar[int] = 28 << 20
    listed: ClassVar[int] = 1001

    @pytest.fixture
    def connections(self) -> Mapping[str, Connection]:
        """The connections that the store may ask for, by id; none unless a subclass gives some."""
        return {}

    @pytest.fixture
    def store(self, connections: Mapping[str, Connection]) -> Iterator[ObjectStore]:
        """A store, with the connections around it."""
        with runtime(connections):
            yield self.store_class(self.conn_id)

    def test_what_is_written_is_read(self, store: ObjectStore, prefix: str) -> None:
        """Whatever its bytes and its name are."""
        for name, data in {
            "a": b"one",
            "empty": b"",
            "deep/er/b": _BLOCK,
            "a blank": b"\r\n\0",
            "\u00fc+": b"u",
        }.items():
            url = prefix + name
            expect(store.write(url, data) is True, f"write() of {name!r} does not return True")
            expect(store.read(url) == data, f"read() of {name!r} gives other bytes than were written")
            found = store.stat(url)
            expect(found is not None and found.size == len(data), f"stat() of {name!r} says {found}")

    def test_what_is_written_again_is_replaced(self, store: ObjectStore, prefix: str) -> None:
        """The new content is whole, and its tag is another one, at the same size."""
        store.write(prefix + "a", b"one")
        before, again = store.stat(prefix + "a"), store.stat(prefix + "a")
        expect(before == again, f"two looks at one object differ: {before} and {again}")
        store.write(prefix + "a", b"two")
        after = store.stat(prefix + "a")
        expect(store.read(prefix + "a") == b"two", "read() gives the content that was replaced")
        expect(
            before and after and before.etag != after.etag,
            f"the etag stays {before and before.etag!r} when the content changes",
        )

    def test_an_object_that_is_not_there_is_missing(self, store: ObjectStore, prefix: str) -> None:
        """Missing is an answer of `stat`, a failure of kind ``not_found`` of reads, and fine for `delete`."""
        expect(store.stat(prefix + "nothing") is None, "stat() of a missing object is not None")
        expect(list(store.list(prefix)) == [], "list() finds something below an empty prefix")
        expect_kind(lambda: store.read(prefix + "nothing"), "not_found", "read() of a missing object")
        expect_kind(lambda: store.open(prefix + "nothing").read(), "not_found", "open() of a missing object")
        store.write(prefix + "a", b"one")
        for _ in range(2):
            store.delete(prefix + "a")
        expect(store.stat(prefix + "a") is None, "the object is still there after delete()")

    def test_with_if_absent_nothing_is_replaced(self, store: ObjectStore, prefix: str) -> None:
        """The first write says True, each later one False, and the first content stays."""
        answers = [store.write(prefix + "a", data, if_absent=True) for data in (b"one", b"two")]
        expect(answers == [True, False], f"write(if_absent=True) twice returns {answers}, not [True, False]")
        expect(store.read(prefix + "a") == b"one", "write(if_absent=True) has replaced an object")

    def test_of_many_writers_with_if_absent_one_wins(self, store: ObjectStore, prefix: str) -> None:
        """Locks and markers are made of this."""
        store.stat(prefix + "lock")
        won: list[bytes] = []

        def write(number: int) -> None:
            if store.write(prefix + "lock", str(number).encode(), if_absent=True):
                won.append(str(number).encode())

        _at_once(write)
        expect(len(won) == 1, f"{len(won)} of {_WRITERS} writers with if_absent were told that they won")
        expect(store.read(prefix + "lock") == won[0], "the object is not that of the writer that won")

    def test_list_gives_what_begins_with_the_prefix_and_nothing_else(self, store: ObjectStore, prefix: str) -> None:
        """Each object once, as `stat` shows it; a prefix is a text, no folder."""
        names = [f"in/{n}" for n in range(5)] + ["in/deep/er", "inner"]
        for name in [*names, "other/in/1", "i"]:
            store.write(prefix + name, name.encode())
        found = list(store.list(prefix + "in"))
        read = sorted(store.read(each.url).decode() for each in found)
        expect(read == sorted(names), f"list() of 'in' finds {read}, not {sorted(names)}")
        for each in found:
            expect(store.stat(each.url) == each, f"list() says {each}, stat() says {store.stat(each.url)}")

    def test_list_goes_on_behind_the_first_page(self, store: ObjectStore, prefix: str) -> None:
        """Services answer a list in pages; who reads the first alone loses the rest in silence."""
        names = {f"many/{number}" for number in range(self.listed)}

        def write(part: int) -> None:
            for name in sorted(names)[part::_WRITERS]:
                store.write(prefix + name, b"x")

        _at_once(write)
        found = [each.url for each in store.list(prefix + "many/")]
        expect(len(found) == len({*found}), "list() gives an object twice")
        expect(len(found) == len(names), f"list() gives {len(found)} of {len(names)} objects")

    def test_a_large_stream_passes_through_little_memory(
        self, connections: Mapping[str, Connection], prefix: str
    ) -> None:
        """`upload` reads on while it sends, `open` fetches as it is read; neither holds the object."""
        problem = memory_problem(
            self.store_class, self.conn_id, connections, prefix + "large", size=self.large_bytes, most=self.memory_bytes
        )
        expect(not problem, problem)

    def test_an_upload_that_fails_changes_nothing(self, store: ObjectStore, prefix: str) -> None:
        """The stream breaks off: what was there stays, and what was not is not there."""
        store.write(prefix + "old", b"old")
        for name in ("old", "new"):
            try:
                store.upload(prefix + name, Stream(9 << 20, breaks=True))
            except Exception:  # noqa: BLE001, S110 - the stream's error or the store's own word for it
                pass
            else:
                raise AssertionError("upload() says nothing of a stream that broke off")
        expect(store.read(prefix + "old") == b"old", "an upload that failed has replaced the object")
        expect(store.stat(prefix + "new") is None, "an upload that failed has left an object")

    def test_the_origin_of_a_content_is_kept_as_long_as_the_content(self, store: ObjectStore, prefix: str) -> None:
        """A store that cannot keep it says ""; no store says the origin of what was there before."""
        expect(store.origin(prefix + "copy") == "", "origin() of a missing object is not empty")
        store.upload(prefix + "copy", io.BytesIO(b"one"), origin="a1")
        found = store.origin(prefix + "copy")
        expect(found in ("a1", ""), f"an upload said the origin 'a1', and origin() says {found!r}")
        store.upload(prefix + "copy", io.BytesIO(b"two"))
        found = store.origin(prefix + "copy")
        expect(found == "", f"origin() says {found!r} of content that was written without one")

    def test_a_url_of_another_scheme_is_refused(self, store: ObjectStore) -> None:
        """A store never answers for what is another's."""
        refusal(lambda: store.read("another-scheme://bucket/key"), "read() of a URL of another scheme")

    def test_a_fork_after_its_use_is_safe(self, connections: Mapping[str, Connection], prefix: str) -> None:
        """Each task is a fork: no client, socket or lock of the parent is used in it."""
        problem = fork_problem(self.store_class, self.conn_id, connections, prefix + "a")
        expect(not problem, problem)


def _at_once(write: Callable[[int], None]) -> None:
    """Have several threads write, each with its number."""
    threads = [threading.Thread(target=copy_context().run, args=(write, number)) for number in range(_WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
